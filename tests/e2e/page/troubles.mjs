// What goes wrong, and how it is told: no answer, a session that ended elsewhere, a refusal of the gateway.
import { browse, login, shot, tell, URL_ } from "./browser.mjs";

tell(
  await browse("light", async (page) => {
    await login(page, process.env.USER_NAME, process.env.PASSWORD);

    await page.route("**/admin/api/audit*", (route) => route.abort());
    await page.goto(`${URL_}/admin/#/audit`);
    const unreachable = await page.getByRole("alert").innerText();
    await shot(page, "unreachable");
    await page.unroute("**/admin/api/audit*");
    await page.getByRole("button", { name: "Try again" }).click();
    await page.getByRole("region", { name: "Audit log" }).waitFor();

    await page.goto(`${URL_}/admin/#/upstreams`);
    await page.getByRole("button", { name: "Test up", exact: true }).click();
    await page.getByRole("button", { name: "Run the test" }).click();
    const works = await page.getByRole("status").getByRole("alert").innerText();
    await shot(page, "upstream-test");

    await page.goto(`${URL_}/admin/#/pipeline`);
    const stage = page.getByRole("switch", { name: "thinking_suffix on" });
    await stage.waitFor();
    const before = await stage.isChecked();
    await stage.click({ force: true });
    await page.getByRole("switch", { name: "thinking_suffix on", checked: false }).waitFor();
    const after = await stage.isChecked();

    await page.context().clearCookies();
    await page.goto(`${URL_}/admin/#/keys`);
    await page.getByRole("heading", { name: "Sign in" }).waitFor();

    await page.getByLabel("User name").fill(process.env.USER_NAME);
    await page.getByRole("textbox", { name: "Password" }).fill("a wrong guess");
    await page.getByRole("button", { name: "Sign in" }).click();
    const wrong = await page.getByRole("main").getByRole("alert").innerText();
    return { unreachable, works, before, after, wrong };
  }),
);
