// Every room, in one look: a screenshot, what axe-core finds, whether it scrolls sideways.  node rooms.mjs LOOK
import { accessibility, browse, login, shot, sideways, tell, URL_ } from "./browser.mjs";

const look = process.argv[2];

const ROOMS = [
  ["overview", "/", "Overview"],
  ["keys", "/keys", "Keys"],
  ["key-new", "/keys?new=1", "Keys"],
  ["models", "/models", "Models and prices"],
  ["prices", "/models?tab=prices", "Models and prices"],
  ["rerate", "/models?tab=rerate", "Models and prices"],
  ["upstreams", "/upstreams", "Upstreams"],
  ["usage-24h", "/usage", "Usage"],
  ["usage-30d", "/usage?period=30d&by=key", "Usage"],
  ["sessions", "/sessions", "Sessions"],
  ["requests", "/requests", "Requests"],
  ["recent", "/recent", "Recent"],
  ["pipeline", "/pipeline", "Pipeline"],
  ["settings", "/settings", "Settings"],
  ["account", "/account", "Password and logins"],
  ["audit", "/audit", "Audit log"],
];

async function settled(page) {
  await page.getByRole("status", { name: "Loading" }).waitFor({ state: "detached" });
  await page.waitForLoadState("networkidle");
}

async function judged(page, name) {
  await shot(page, `${name}-${look}`);
  return { room: name, accessibility: await accessibility(page), sideways: await sideways(page), text: await page.locator("body").innerText() };
}

tell(
  await browse(look, async (page) => {
    await page.goto(`${URL_}/admin/`);
    await page.getByRole("heading", { name: "Sign in" }).waitFor();
    const rooms = [await judged(page, "login")];
    await login(page, process.env.USER_NAME, process.env.PASSWORD);
    for (const [name, path, title] of ROOMS) {
      await page.goto(`${URL_}/admin/#${path}`);
      await page.getByRole("heading", { name: title, level: 1, includeHidden: true }).waitFor();
      await settled(page);
      rooms.push(await judged(page, name));
    }
    // one key, and one request in the books and in memory, opened from their lists, as a reader would
    await page.goto(`${URL_}/admin/#/keys`);
    await page.getByRole("table").getByRole("link").first().click();
    await page.getByRole("region", { name: "Settings" }).waitFor();
    await settled(page);
    rooms.push(await judged(page, "key"));
    await page.goto(`${URL_}/admin/#/requests`);
    await page.getByRole("table").getByRole("link").first().click();
    await page.getByRole("dialog").getByRole("region", { name: "Where the time went" }).waitFor();
    await settled(page);
    rooms.push(await judged(page, "request"));
    await page.goto(`${URL_}/admin/#/recent`);
    await page.getByRole("table").getByRole("link").first().click();
    await page.getByRole("dialog").getByRole("region", { name: "What each stage did" }).waitFor();
    await settled(page);
    rooms.push(await judged(page, "recent-one"));
    return { rooms };
  }),
);
