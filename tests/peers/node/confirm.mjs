// The browser part of `aws sso login` in Chromium: signs in, checks the consent page, and selects Allow.
//
// The first argument is the URL that the AWS CLI opened.
import { gateway, look, profile, seen, signIn, tab, walk } from './walk.mjs';

await walk('aws-sso-login', async () => {
  const page = await tab(await profile());
  await page.goto(gateway);
  await signIn(page, 'alice');
  await page.getByRole('heading', { level: 1 }).waitFor();
  await look(page, 'aws-sso-login', false);
  await page.getByRole('button', { name: 'Allow' }).click();
  await page.waitForURL((url) => url.pathname === '/oauth/callback');
  seen.callback = await page.locator('body').innerText();
});
