// The person's part of `aws sso login` in a real Chromium: signs in, looks at who asks, and presses Allow.
//
// Arguments: the address that the command line opened, a folder for screenshots.
// Prints one JSON line: what was seen on the way.
import { createRequire } from 'node:module';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

const require = createRequire(join(process.env.ROLECALL_PEERS_NODE, 'package.json'));
const { chromium } = require('playwright-core');
const [address, folder] = process.argv.slice(2);
mkdirSync(folder, { recursive: true });

const browser = await chromium.launch({
  executablePath: process.env.ROLECALL_PEERS_CHROMIUM,
  args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});
const page = await browser.newPage();
page.setDefaultTimeout(30_000);
const seen = {};
try {
  await page.goto(address);
  await page.locator('input[name=username]').fill('alice');
  await page.locator('input[type=password]').fill('any');
  await page.locator('button[type=submit], form button').first().click();
  await page.getByRole('heading', { level: 1 }).waitFor();
  seen.consent = await page.locator('main').innerText();
  await page.screenshot({ path: join(folder, 'aws-sso-login.png'), fullPage: true });
  await page.getByRole('button', { name: 'Allow' }).click();
  await page.waitForURL((url) => url.pathname === '/oauth/callback');
  seen.callback = await page.locator('body').innerText();
} catch (error) {
  seen.failure = String(error);
}
await browser.close();
console.log('seen ' + JSON.stringify(seen));
