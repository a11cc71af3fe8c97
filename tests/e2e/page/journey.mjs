// From the first run to the first bar in a chart, as somebody does it who has just started the gateway.
// node journey.mjs: the one-time secret in SECRET, the account to make in USER_NAME and PASSWORD.
import { browse, shot, tell, URL_ } from "./browser.mjs";

const { SECRET, USER_NAME, PASSWORD, KEY_NAME } = process.env;

async function setUp(page) {
  await page.goto(`${URL_}/admin/`);
  await page.getByRole("heading", { name: "Set up this gateway" }).waitFor();
  await page.getByLabel("One-time secret").fill("not the secret");
  await page.getByLabel("User name").fill(USER_NAME);
  await page.getByRole("textbox", { name: "Password", exact: true }).fill(PASSWORD);
  await page.getByRole("textbox", { name: "Password again" }).fill(PASSWORD);
  await page.getByRole("button", { name: "Create the account" }).click();
  const refusal = await page.getByRole("alert").innerText();
  await shot(page, "setup");
  await page.getByLabel("One-time secret").fill(SECRET);
  await page.getByRole("button", { name: "Create the account" }).click();
  await page.getByRole("heading", { name: "Overview", level: 1 }).waitFor();
  return refusal;
}

async function makeKey(page) {
  await page.getByRole("link", { name: "New key", exact: true }).click();
  const dialog = page.getByRole("dialog", { name: "New key" });
  await dialog.getByLabel("Name").fill(KEY_NAME);
  await dialog.getByRole("button", { name: "Add a limit" }).click();
  await dialog.getByLabel("Amount of limit 1").fill("25");
  await dialog.getByRole("button", { name: "Create the key" }).click();
  const shown = page.getByRole("dialog", { name: "Your new secret" });
  const secret = await shown.getByRole("region", { name: "the secret" }).innerText();
  await shown.getByRole("button", { name: "Copy the secret" }).click();
  const copied = await page.evaluate(() => navigator.clipboard.readText());
  const clients = await shown.getByRole("tab").allInnerTexts();
  const paste = await shown.getByRole("tabpanel").innerText();
  await shot(page, "key-secret");
  await shown.getByRole("button", { name: "I have it" }).click();
  await shown.waitFor({ state: "detached" });
  await page.getByRole("link", { name: KEY_NAME }).waitFor();
  const again = (await page.content()).includes(secret);
  return { secret, copied, clients, paste, again };
}

/** A streamed request to the gateway, not by the page; resolves when it is over. */
async function ask(secret) {
  const response = await fetch(`${URL_}/v1/messages`, {
    method: "POST",
    headers: { "x-api-key": secret, "anthropic-version": "2023-06-01", "content-type": "application/json" },
    body: JSON.stringify({
      model: "claude-opus-4-5",
      max_tokens: 2000,
      stream: true,
      messages: [{ role: "user", content: "[[say one two three]] [[wait 5]] [[say four]]" }],
    }),
  });
  return (await response.text()).includes("message_stop");
}

async function watch(page, secret) {
  await page.goto(`${URL_}/admin/#/`);
  const asking = ask(secret);
  const row = page.getByRole("region", { name: "Live streams" }).getByRole("row").nth(1);
  await row.waitFor();
  const live = await row.innerText();
  await shot(page, "overview-live");
  return { live, whole: await asking };
}

/** How many bars of the chart have a height. */
const bars = (page, panel) =>
  page
    .getByRole("region", { name: panel, exact: true })
    .locator("path.recharts-rectangle")
    .evaluateAll((paths) => paths.filter((path) => path.getBoundingClientRect().height > 1).length);

async function charts(page) {
  await page.goto(`${URL_}/admin/#/usage`);
  const requests = page.getByRole("img", { name: "Requests over time: 1," });
  await requests.waitFor();
  await page.locator("path.recharts-rectangle").first().waitFor();
  await shot(page, "usage-first");
  return { requests: await bars(page, "Requests"), tokens: await bars(page, "Tokens by class"), cost: await bars(page, "Cost") };
}

async function record(page) {
  await page.goto(`${URL_}/admin/#/requests`);
  await page.getByRole("table").getByRole("link").first().click();
  const drawer = page.getByRole("dialog", { name: "Request" });
  await drawer.getByRole("region", { name: "Where the time went" }).waitFor();
  const text = await drawer.innerText();
  await page.keyboard.press("Escape");
  await drawer.waitFor({ state: "detached" });
  return text;
}

tell(
  await browse("light", async (page) => {
    const refusal = await setUp(page);
    const key = await makeKey(page);
    const stream = await watch(page, key.secret);
    return { refusal, key, stream, bars: await charts(page), record: await record(page) };
  }),
);
