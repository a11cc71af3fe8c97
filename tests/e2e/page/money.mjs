// Models and prices, changed by hand: the order of models, a price with a tier and a term, and what it makes of the past.
import { browse, login, shot, tell, URL_ } from "./browser.mjs";

const { MODEL } = process.env;

/** The names of the models that can be moved, as they stand. */
const order = (page) =>
  page.getByRole("button", { name: /^Move .* up$/ }).evaluateAll((all) => all.map((each) => each.ariaLabel.slice(5, -3)));

async function reorder(page) {
  await page.goto(`${URL_}/admin/#/models`);
  const down = page.getByRole("button", { name: /^Move .* down$/ }).first();
  await down.waitFor();
  const before = await order(page);
  await down.click();
  await page.waitForFunction((first) => !document.querySelector('[aria-label^="Move "]')?.ariaLabel.includes(first), before[0]);
  await page.reload();
  await down.waitFor();
  return { before, after: await order(page) };
}

async function price(page) {
  await page.goto(`${URL_}/admin/#/models?tab=prices`);
  await page.getByRole("button", { name: "Add a price" }).first().click();
  const dialog = page.getByRole("dialog", { name: "Add a price" });
  await dialog.getByLabel("Models").fill(MODEL);
  await dialog.getByLabel("Since").fill("2020-01-01");
  await dialog.getByLabel("Input", { exact: false }).first().fill("7");
  await dialog.getByLabel("Output", { exact: false }).first().fill("70");
  await dialog.getByRole("button", { name: "Add a tier" }).click();
  await dialog.getByLabel("Prompts of more tokens than, tier 1").fill("200000");
  await dialog.getByLabel("Input, tier 1").fill("14");
  await dialog.getByLabel("Output, tier 1").fill("105");
  await dialog.getByRole("button", { name: "Add a term" }).click();
  await dialog.getByLabel("Value of term 1").fill("batch");
  await dialog.getByLabel("Factor of term 1").fill("0.5");
  await shot(page, "price");
  await dialog.getByRole("button", { name: "Add", exact: true }).click();
  await dialog.waitFor({ state: "detached" });
  const changing = page.getByRole("button", { name: `Change the price of ${MODEL}` }).first();
  await changing.click();
  const again = page.getByRole("dialog", { name: `Change the price of ${MODEL}` });
  await again.waitFor();
  await again.getByLabel("Since").fill("2020-01-02");
  await again.getByLabel("Output, tier 1").fill("110");
  await again.getByRole("button", { name: "Change", exact: true }).click();
  await again.waitFor({ state: "detached" });
}

async function rerate(page) {
  await page.goto(`${URL_}/admin/#/models?tab=rerate`);
  await page.getByLabel("Model", { exact: true }).fill(MODEL);
  await page.getByRole("button", { name: "Show what would change" }).click();
  const looked = await page.getByRole("region", { name: "What would change" }).innerText();
  await shot(page, "rerated");
  await page.getByRole("button", { name: "Write the new cost" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Write", exact: true }).click();
  await page.getByText("The records have the new cost").waitFor();
  return looked;
}

tell(
  await browse("light", async (page) => {
    await login(page, process.env.USER_NAME, process.env.PASSWORD);
    const order = await reorder(page);
    await price(page);
    return { order, looked: await rerate(page) };
  }),
);
