// Tests the explanation of denied requests in Chromium: text, choice of a role, decoded message, refusal, authorization ID.
import { look, own, profile, seen, signIn, tab, walk } from './walk.mjs';

const denied = process.argv[6];

await walk('decode', async () => {
  const page = await tab(await profile());
  await page.goto(own('/decode'));
  await signIn(page, 'bob');
  // The link is kept during the sign-in.
  await page.waitForURL(own('/decode'));
  await look(page, 'decode');
  const explain = async (text) => {
    await page.getByLabel('Error message').fill(text);
    await page.getByRole('button', { name: 'Explain' }).click();
    await page.waitForLoadState();
  };
  await explain(denied);
  await page.getByText('Choose one of your roles').waitFor();
  seen.selected = await page.locator('select').inputValue();
  await look(page, 'decode-text');
  await page.getByRole('button', { name: 'Explain' }).click();
  await page.getByText('Decoded by AWS').waitFor();
  seen.address = page.url();
  await look(page, 'decode-decoded');
  await explain(denied.trim().slice(0, -20));
  await page.getByRole('alert').waitFor();
  await look(page, 'decode-problem');
  await page.goto(own('/decode'));
  await explain(`${denied.split('Encoded')[0]}Authorization ID: 1a2b3c4d5e6f7g8h9i0j`);
  await page.getByText('AWS keeps the details').waitFor();
  await look(page, 'decode-id');
});
