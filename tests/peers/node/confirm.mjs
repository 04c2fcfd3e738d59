// The person's part of `aws sso login` in a real Chromium: signs in, looks at who asks, and presses Allow.
//
// Its first argument is the address that the command line opened.
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
