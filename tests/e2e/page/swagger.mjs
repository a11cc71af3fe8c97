// The API's own page: Swagger UI, from this gateway's files alone.
import { browse, shot, tell, URL_ } from "./browser.mjs";

tell(
  await browse("light", async (page) => {
    await page.goto(`${URL_}/admin/swagger`);
    await page.locator(".opblock").first().waitFor();
    await shot(page, "swagger");
    return { operations: await page.locator(".opblock").count() };
  }),
);
