// Everything by keyboard: in, to the content, through a dialog and out of it, and an answer that asks once more.
import { browse, tell, URL_ } from "./browser.mjs";

/** Wait until *place* has the focus: a browser's dialogs give and take it a moment after they are seen. */
const held = (page, place) => place.and(page.locator(":focus")).waitFor();

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
    await held(page, page.getByText("Skip to the content"));
    await keyboard.press("Enter");
    await held(page, page.locator("main"));

    await page.getByRole("link", { name: "Keys" }).focus();
    await keyboard.press("Enter");
    await page.getByRole("heading", { name: "Keys", level: 1 }).waitFor();
    await held(page, page.locator("main"));

    const opener = page.getByRole("button", { name: "New key" }).first();
    await opener.focus();
    await keyboard.press("Enter");
    const dialog = page.getByRole("dialog", { name: "New key" });
    await held(page, dialog.getByLabel("Name"));
    await keyboard.type("by keyboard");
    const typed = await dialog.getByLabel("Name").inputValue();
    await keyboard.press("Escape");
    await dialog.waitFor({ state: "detached" });
    await held(page, opener);

    await page.getByRole("table").getByRole("link").first().focus();
    await keyboard.press("Enter");
    await page.getByRole("button", { name: "Delete" }).focus();
    await keyboard.press("Enter");
    await held(page, page.getByRole("dialog").getByRole("button", { name: "Keep it as it is" }));
    await keyboard.press("Enter");
    await page.getByRole("dialog").waitFor({ state: "detached" });
    const kept = await page.getByRole("heading", { level: 1 }).innerText();
    return { typed, kept };
  }),
);
