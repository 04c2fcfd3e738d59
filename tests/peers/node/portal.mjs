// Walks through the portal in a real Chromium, as a person would: sign in, search, credentials, console, sign out.
//
// Arguments: the portal's URL, a folder for screenshots, `light` or `dark`, the window's width.
// Prints one JSON line: what was seen, accessibility violations (axe-core), foreign hosts, console complaints.
import { createRequire } from 'node:module';
import { readFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';

const require = createRequire(join(process.env.ROLECALL_PEERS_NODE, 'package.json'));
const { chromium } = require('playwright-core');
const axe = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');
const [portal, folder, colorScheme, width] = process.argv.slice(2);
mkdirSync(folder, { recursive: true });

const seen = { pages: {}, violations: [], hosts: [], complaints: [] };
const browser = await chromium.launch({
  executablePath: process.env.ROLECALL_PEERS_CHROMIUM,
  args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});
const context = await browser.newContext({ viewport: { width: Number(width), height: 900 }, colorScheme });
await context.grantPermissions(['clipboard-read', 'clipboard-write'], { origin: portal });
const page = await context.newPage();
page.setDefaultTimeout(20_000);
page.on('request', (request) => seen.hosts.push(new URL(request.url()).host));
page.on('pageerror', (error) => seen.complaints.push(String(error)));
page.on('console', (message) => {
  // The peers' pages are not ours to judge, signing out reports what it clears, and one page is asked for that is not there.
  const { url } = message.location();
  const expected = !url.startsWith(portal) || url.endsWith('/no-such-page') || message.text().includes('Clear-Site-Data');
  if (!expected && ['error', 'warning'].includes(message.type())) seen.complaints.push(message.text());
});

const own = (path) => new URL(path, portal).href;
/** Looks at a page of ours: a picture, and what axe-core says of it. The page's policy lets no script in, so axe-core comes in beside it. */
const look = async (name) => {
  await page.screenshot({ path: join(folder, `${name}-${width}-${colorScheme}.png`), fullPage: true });
  const client = await context.newCDPSession(page);
  await client.send('Page.setBypassCSP', { enabled: true });
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => globalThis.axe.run());
  for (const { id, nodes } of violations) seen.violations.push(`${name}: ${id}: ${nodes.map((node) => node.html).join(' ')}`);
  await client.send('Page.setBypassCSP', { enabled: false });
  await client.detach();
  seen.pages[name] = await page.locator('h1').innerText();
};
const signIn = async (person) => {
  await page.locator('input[name=username]').fill(person);
  const password = page.locator('input[type=password]');
  if (await password.count()) await password.fill('any');
  await page.locator('button[type=submit], form button').first().click();
};

try {
  // A deep link survives signing in.
  await page.goto(own('/console?account=777788889999&permission_set=Administrator&destination=s3&region=eu-west-1'));
  await signIn('alice');
  await page.waitForURL(own('/console**'));
  await look('console');
  await page.getByRole('button', { name: 'Open console' }).click();
  await page.getByText('Going to').waitFor();
  seen.console = await page.locator('body').innerText();

  await page.goto(own('/'));
  await look('portal');
  seen.roles = await page.locator('form[action="/console"]:visible').count();
  // The search narrows as one types, by keyboard alone.
  await page.keyboard.press('/');
  await page.keyboard.type('prod read');
  await page.waitForFunction((before) => [...document.querySelectorAll('form[action="/console"]')].filter((form) => form.checkVisibility()).length < before, seen.roles);
  seen.found = await page.locator('form[action="/console"]:visible').count();
  await look('search');
  await page.locator('form[action="/console"]:visible').first().getByRole('button', { name: 'Credentials' }).click();
  await page.waitForURL(own('/credentials'));
  seen.hidden = await page.locator('main').innerText();
  await look('credentials');
  await page.getByLabel('Show secrets').check();
  seen.shown = await page.locator('main').innerText();
  await page.getByRole('button', { name: /^Copy/ }).first().click();
  seen.copied = await page.evaluate(() => navigator.clipboard.readText());

  await page.goto(own('/sessions'));
  await look('sessions');
  await page.getByRole('link', { name: 'Terminal' }).click();
  await look('terminal');
  await page.getByRole('button', { name: 'Copy' }).first().click();
  seen.config = await page.evaluate(() => navigator.clipboard.readText());
  await page.goto(own('/no-such-page'));
  await look('not-found');
  await page.goto(own('/'));
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.waitForURL(own('/signed-out'));
  await look('signed-out');

  // Nobody's roles: whom to ask.
  await page.goto(own('/'));
  await signIn('carol');
  await page.waitForURL(own('/'));
  await look('no-access');
  seen.noAccess = await page.locator('main').innerText();
} catch (error) {
  await page.screenshot({ path: join(folder, `failed-${width}-${colorScheme}.png`), fullPage: true }).catch(() => {});
  seen.failure = `${error} at ${page.url()}`;
} finally {
  await browser.close();
}
seen.hosts = [...new Set(seen.hosts)];
console.log(`seen ${JSON.stringify(seen)}`);
