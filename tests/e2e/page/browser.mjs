// A real browser, watched: everything it says in its console, everything it asks of anybody else, every dialog a script
// opens.  What was seen is printed as JSON; the tests in test_page.py judge it.
import { createRequire } from "node:module";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const { chromium } = createRequire(import.meta.url)(process.env.PLAYWRIGHT);
const AXE = readFileSync(process.env.AXE, "utf8");

export const URL_ = process.env.GATEWAY;
const ARTEFACTS = process.env.ARTEFACTS;

export const LOOKS = {
  light: { viewport: { width: 1280, height: 900 }, colorScheme: "light" },
  dark: { viewport: { width: 1280, height: 900 }, colorScheme: "dark" },
  phone: { viewport: { width: 390, height: 844 }, colorScheme: "light", hasTouch: true },
};

/** Do *work* with a page that looks like *look*; gives what it returned and what was seen meanwhile. */
export async function browse(look, work) {
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: ["--no-sandbox"] });
  const seen = { console: [], foreign: [], dialogs: [] };
  try {
    const context = await browser.newContext({ ...LOOKS[look], reducedMotion: "reduce", locale: "en-GB" });
    await context.grantPermissions(["clipboard-read", "clipboard-write"], { origin: URL_ });
    const page = await context.newPage();
    page.setDefaultTimeout(15_000);
    page.on("console", (line) => ["error", "warning"].includes(line.type()) && seen.console.push(line.text()));
    page.on("pageerror", (error) => seen.console.push(String(error)));
    page.on("request", (request) => foreign(request.url()) && seen.foreign.push(request.url()));
    page.on("dialog", async (dialog) => (seen.dialogs.push(dialog.message()), dialog.dismiss()));
    return { ...(await work(page)), watch: seen };
  } finally {
    await browser.close();
  }
}

const foreign = (url) => !url.startsWith(URL_ + "/") && !url.startsWith("data:") && !url.startsWith("blob:");

/** The serious and critical findings of axe-core, each with the places it means. */
export async function accessibility(page) {
  // The page's policy allows no inline script, so axe comes by the debugger's way, as playwright evaluates it.
  await page.evaluate(AXE);
  const { violations } = await page.evaluate(() => globalThis.axe.run());
  return violations
    .filter(({ impact }) => ["serious", "critical"].includes(impact))
    .map(({ id, nodes }) => `${id}: ${nodes.map((node) => `${node.target} ${node.any[0]?.message ?? ""}`).join(" | ")}`);
}

/** Whether the whole page scrolls sideways. */
export const sideways = (page) =>
  page.evaluate(() => document.documentElement.scrollWidth > document.documentElement.clientWidth);

export async function shot(page, name) {
  mkdirSync(ARTEFACTS, { recursive: true });
  await page.screenshot({ path: join(ARTEFACTS, `${name}.png`), fullPage: true });
}

export async function login(page, user, password) {
  await page.goto(`${URL_}/admin/`);
  await page.getByLabel("User name").fill(user);
  await page.getByRole("textbox", { name: "Password" }).fill(password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("heading", { name: "Overview", level: 1 }).waitFor();
}

export const tell = (told) => process.stdout.write(`${JSON.stringify(told)}\n`);
