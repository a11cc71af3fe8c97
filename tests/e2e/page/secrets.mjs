// What lets people in, changed by hand: another secret for a key, and a sign-in at an upstream.
import { browse, login, shot, tell, URL_ } from "./browser.mjs";

const { KEY_NAME, UPSTREAM } = process.env;

/** Keeps where each dialog stands, frame by frame; gives the way to ask. */
async function watch(page) {
  await page.evaluate(() => {
    globalThis.stood = {};
    const look = () => {
      for (const dialog of document.querySelectorAll("[role=dialog]")) {
        const { x, y } = dialog.getBoundingClientRect();
        (globalThis.stood[document.getElementById(dialog.getAttribute("aria-labelledby"))?.innerText] ??= []).push(`${x} ${y}`);
      }
      requestAnimationFrame(look);
    };
    look();
  });
  return () => page.evaluate(() => Object.fromEntries(Object.entries(globalThis.stood).map(([title, places]) => [title, [...new Set(places)]])));
}

async function rotate(page) {
  await page.goto(`${URL_}/admin/#/keys`);
  await page.getByRole("link", { name: KEY_NAME, exact: true }).click();
  await page.getByRole("button", { name: "Rotate" }).click();
  const dialog = page.getByRole("dialog", { name: `New secret for ${KEY_NAME}` });
  await dialog.getByRole("button", { name: "Make the new secret" }).click();
  const shown = page.getByRole("dialog", { name: "Your new secret" });
  const secret = await shown.getByRole("region", { name: "the secret" }).innerText();
  await shown.getByRole("button", { name: "I have it" }).click();
  await shown.waitFor({ state: "detached" });
  return secret;
}

/** What a person does: opens the address, agrees, and copies the address it ends at. */
async function agreed(url) {
  const response = await fetch(url, { redirect: "manual" });
  return response.headers.get("location");
}

async function signIn(page) {
  await page.goto(`${URL_}/admin/#/upstreams`);
  const panel = page.getByRole("region", { name: UPSTREAM, exact: true });
  await panel.getByRole("button", { name: "Sign in", exact: true }).click();
  const dialog = page.getByRole("dialog", { name: `Sign in at ${UPSTREAM}` });
  const url = await dialog.getByRole("link", { name: "the sign-in page" }).getAttribute("href");
  await dialog.getByLabel("Code or address").fill("https://gateway.example.com/connected?code=guessed&state=guessed");
  await dialog.getByRole("button", { name: "Finish" }).click();
  const refusal = await dialog.getByRole("alert").innerText();
  await dialog.getByLabel("Code or address").fill(await agreed(url));
  await dialog.getByRole("button", { name: "Finish" }).click();
  await dialog.waitFor({ state: "detached" });
  await panel.getByText("signed in", { exact: true }).waitFor();
  await shot(page, "signed-in");
  const told = await panel.innerText();
  await panel.getByRole("button", { name: "Sign out" }).first().click();
  await page.getByRole("dialog").getByRole("button", { name: "Sign out" }).click();
  await panel.getByText("not signed in", { exact: true }).waitFor();
  return { refusal, told };
}

tell(
  await browse("light", async (page) => {
    await login(page, process.env.USER_NAME, process.env.PASSWORD);
    const stood = await watch(page);
    return { secret: await rotate(page), stood: await stood(), oauth: await signIn(page) };
  }),
);
