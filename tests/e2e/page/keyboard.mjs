// Everything by keyboard: in, to the content, through a dialog and out of it, and an answer that asks once more.
import { browse, tell, URL_ } from "./browser.mjs";

const focused = (page) => page.evaluate(() => document.activeElement.textContent.trim());

tell(
  await browse("light", async (page) => {
    const { keyboard } = page;
    await page.goto(`${URL_}/admin/`);
    await page.getByRole("heading", { name: "Sign in" }).waitFor();
    await keyboard.type(process.env.USER_NAME); // the first field has the focus
    await keyboard.press("Tab");
    await keyboard.type(process.env.PASSWORD);
    await keyboard.press("Enter");
    await page.getByRole("heading", { name: "Overview", level: 1 }).waitFor();

    await page.reload();
    await page.getByRole("heading", { name: "Overview", level: 1 }).waitFor();
    await keyboard.press("Tab");
    const first = await focused(page);
    await keyboard.press("Enter");
    const content = await page.evaluate(() => document.activeElement?.tagName);

    await page.getByRole("link", { name: "Keys" }).focus();
    await keyboard.press("Enter");
    await page.getByRole("heading", { name: "Keys", level: 1 }).waitFor();
    const followed = await page.evaluate(() => document.activeElement?.tagName);

    await page.getByRole("button", { name: "New key" }).first().focus();
    await keyboard.press("Enter");
    const dialog = page.getByRole("dialog", { name: "New key" });
    await dialog.waitFor();
    await keyboard.type("by keyboard");
    const typed = await dialog.getByLabel("Name").inputValue();
    await keyboard.press("Escape");
    await dialog.waitFor({ state: "detached" });
    const back = await focused(page);

    await page.getByRole("table").getByRole("link").first().focus();
    await keyboard.press("Enter");
    await page.getByRole("button", { name: "Delete" }).focus();
    await keyboard.press("Enter");
    await page.getByRole("dialog").waitFor();
    await page.waitForFunction(() => document.activeElement?.textContent === "Keep it as it is");
    await keyboard.press("Enter");
    await page.getByRole("dialog").waitFor({ state: "detached" });
    const kept = await page.getByRole("heading", { level: 1 }).innerText();
    return { first, content, followed, typed, back, kept };
  }),
);
