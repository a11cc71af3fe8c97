// What just happened, looked at: a request that had to be asked elsewhere, from the books to memory; who rests; what
// stages declare; and a configuration that is refused while the page is open.
import { readFileSync, writeFileSync } from "node:fs";
import { accessibility, browse, login, shot, sideways, tell, URL_ } from "./browser.mjs";

const { CONFIG } = process.env;

/** From the list of requests, by its oldest, to what memory has of it. */
async function followed(page) {
  await page.goto(`${URL_}/admin/#/requests`);
  await page.getByRole("table").getByRole("link").last().click();
  await page.getByRole("dialog").getByRole("link", { name: "Each try and each stage" }).click();
  await page.getByRole("heading", { name: "Recent", level: 1, includeHidden: true }).waitFor();
  const dialog = page.getByRole("dialog", { name: "Recent request" });
  const region = (name) => dialog.getByRole("region", { name, exact: true }).innerText();
  const tries = await region("Who was tried");
  const edits = await region("Edits of the prompt");
  const stages = await region("Stages");
  const command = await region("the command");
  const whole = await dialog.innerText();
  await page.setViewportSize({ width: 1280, height: 1450 });
  await shot(page, "recent-failover");
  await page.setViewportSize({ width: 1280, height: 900 });
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "detached" });
  return { tries, edits, stages, command, whole };
}

/** Of all that is in memory, what is left by a search, and by the switch. */
async function searched(page) {
  const rows = () => page.getByRole("region", { name: "Recent requests" }).getByRole("row").count();
  const all = await rows();
  await page.getByLabel("Search the last requests").fill("nobody-asked-for-this");
  await page.getByText("None fits.").waitFor();
  await page.getByLabel("Search the last requests").fill("");
  await page.getByRole("switch", { name: "Only errors" }).click({ force: true });
  await page.waitForFunction((before) => document.querySelectorAll("tbody tr").length < before - 1, all);
  return { all, errors: await rows() };
}

async function refused(page) {
  const right = readFileSync(CONFIG, "utf8");
  const banner = page.getByRole("alert").filter({ hasText: "The configuration was refused" });
  writeFileSync(CONFIG, right.replace("port = 0", "prot = 0"));
  await page.goto(`${URL_}/admin/#/keys`);
  await banner.waitFor({ timeout: 30_000 });
  const told = await banner.innerText();
  const findings = await accessibility(page);
  await shot(page, "configuration-refused");
  await page.setViewportSize({ width: 390, height: 844 });
  const wide = await sideways(page);
  await shot(page, "configuration-refused-phone");
  writeFileSync(CONFIG, right);
  await banner.waitFor({ state: "detached", timeout: 30_000 });
  return { told, findings, wide };
}

tell(
  await browse("light", async (page) => {
    await login(page, process.env.USER_NAME, process.env.PASSWORD);
    const request = await followed(page);
    const list = await searched(page);
    await page.goto(`${URL_}/admin/#/upstreams`);
    const upstream = await page.getByRole("region", { name: "away", exact: true }).innerText();
    await shot(page, "upstream-resting");
    await page.goto(`${URL_}/admin/#/pipeline`);
    const stage = await page.getByRole("listitem").or(page.locator(".mantine-Timeline-item")).filter({ hasText: "thinking_suffix" }).first().innerText();
    return { request, list, upstream, stage, configuration: await refused(page) };
  }),
);
