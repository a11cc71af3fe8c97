// Two admins at one key: one has its page open while the other changes it.
import { browse, login, tell, URL_ } from "./browser.mjs";

const { KEY, USER_NAME, PASSWORD } = process.env;

/** What the other one does: takes the key out of use, and bounds it. */
async function meanwhile() {
  const basic = Buffer.from(`${USER_NAME}:${PASSWORD}`).toString("base64");
  const headers = { authorization: `Basic ${basic}`, "content-type": "application/json" };
  const limits = [{ kind: "usd_week", models: "*", limit: 1 }];
  const answer = await fetch(`${URL_}/admin/api/keys/${KEY}`, { method: "PATCH", headers, body: JSON.stringify({ enabled: false, limits }) });
  return answer.status;
}

const seen = await browse("light", async (page) => {
  await login(page, USER_NAME, PASSWORD);
  await page.goto(`${URL_}/admin/#/keys/${KEY}`);
  const name = page.getByRole("textbox", { name: "Name" });
  await name.fill("renamed");
  const status = await meanwhile();
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("Saved", { exact: true }).waitFor();
  await page.getByText("disabled", { exact: true }).waitFor();
  return { status, name: await name.inputValue() };
});
tell(seen);
