// Ask the gateway with the vendors' TypeScript SDKs, streamed and whole, and print what each made of it.
// node sdk.mjs BASE_URL anthropic|chat|responses|chat-7|responses-7 SCRIPT
import { createRequire } from "node:module";

const require = createRequire(process.env.SDKS + "/");
const [url, asked, script] = process.argv.slice(2);
const [dialect, major] = asked.split("-");
const openai = major ? `openai-${major}` : "openai";
const model = "claude-opus-4-5";
const tool = { type: "object", properties: { city: { type: "string" } } };

const asks = {
  async anthropic() {
    const Anthropic = require("@anthropic-ai/sdk").default;
    const client = new Anthropic({ baseURL: url, apiKey: "any", maxRetries: 0 });
    const body = {
      model,
      max_tokens: 4000,
      messages: [{ role: "user", content: script }],
      tools: [{ name: "get_weather", input_schema: tool }],
    };
    const words = (message) => [
      message.stop_reason,
      message.content.map((b) => [b.type, b.text ?? b.thinking ?? b.name, b.input ?? null]),
    ];
    const streamed = await client.messages.stream(body).finalMessage();
    return [words(await client.messages.create(body)), words(streamed)];
  },
  async chat() {
    const OpenAI = require(openai).default;
    const client = new OpenAI({ baseURL: url + "/v1", apiKey: "any", maxRetries: 0 });
    const body = {
      model,
      messages: [{ role: "user", content: script }],
      tools: [{ type: "function", function: { name: "get_weather", parameters: tool } }],
    };
    const words = (completion) => {
      const { finish_reason, message } = completion.choices[0];
      const calls = (message.tool_calls ?? []).map((c) => [c.function.name, JSON.parse(c.function.arguments)]);
      return [finish_reason, message.content || null, calls];
    };
    const streamed = await client.chat.completions.stream(body).finalChatCompletion();
    return [words(await client.chat.completions.create(body)), words(streamed)];
  },
  async responses() {
    const OpenAI = require(openai).default;
    const client = new OpenAI({ baseURL: url + "/v1", apiKey: "any", maxRetries: 0 });
    const body = {
      model,
      input: script,
      tools: [{ type: "function", name: "get_weather", parameters: tool, strict: false }],
    };
    const words = (response) => [
      response.status,
      response.output.map((item) => [item.type, item.name ?? item.content?.[0]?.text ?? null, item.arguments ?? null]),
    ];
    const streamed = await client.responses.stream(body).finalResponse();
    return [words(await client.responses.create(body)), words(streamed)];
  },
};

try {
  console.log(JSON.stringify({ said: await asks[dialect]() }));
} catch (error) {
  console.log(JSON.stringify({ error: error.constructor.name, status: error.status ?? null, message: error.message }));
}
