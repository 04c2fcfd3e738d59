// Tests the portal in Chromium: sign in, search, credentials, console, sign out.
import { gateway, look, own, profile, seen, signIn, tab, walk } from './walk.mjs';

await walk('portal', async () => {
  const context = await profile();
  await context.grantPermissions(['clipboard-read', 'clipboard-write'], { origin: gateway });
  const page = await tab(context);
  // A deep link is kept during the sign-in.
  await page.goto(own('/console?account=777788889999&permission_set=Administrator&destination=s3&region=eu-west-1'));
  await signIn(page, 'alice');
  await page.waitForURL(own('/console**'));
  await look(page, 'console');
  await page.getByRole('button', { name: 'Open console' }).click();
  await page.getByText('You are signed in to the console').waitFor();
  seen.console = await page.locator('body').innerText();

  await page.goto(own('/'));
  await look(page, 'portal');
  seen.roles = await page.locator('form[action="/console"]:visible').count();
  // The list is filtered while typing, by keyboard only.
  await page.keyboard.press('/');
  await page.keyboard.type('prod read');
  await page.waitForFunction((before) => [...document.querySelectorAll('form[action="/console"]')].filter((form) => form.checkVisibility()).length < before, seen.roles);
  seen.found = await page.locator('form[action="/console"]:visible').count();
  await look(page, 'search');
  await page.locator('form[action="/console"]:visible').first().getByRole('button', { name: 'Credentials' }).click();
  await page.waitForURL(own('/credentials'));
  seen.hidden = await page.locator('main').innerText();
  await look(page, 'credentials');
  await page.getByLabel('Show secrets').check();
  seen.shown = await page.locator('main').innerText();
  await page.getByRole('button', { name: /^Copy/ }).first().click();
  seen.copied = await page.evaluate(() => navigator.clipboard.readText());

  await page.goto(own('/sessions'));
  await look(page, 'sessions');
  await page.getByRole('link', { name: 'Terminal' }).click();
  await look(page, 'terminal');
  await page.getByRole('button', { name: 'Copy' }).first().click();
  seen.config = await page.evaluate(() => navigator.clipboard.readText());
  await page.goto(own('/no-such-page'));
  await look(page, 'not-found');
  await page.goto(own('/'));
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.waitForURL(own('/signed-out'));
  await look(page, 'signed-out');

  // A user without roles sees the contact.
  await page.goto(own('/'));
  await signIn(page, 'carol');
  await page.waitForURL(own('/'));
  await look(page, 'no-access');
  seen.noAccess = await page.locator('main').innerText();
});
