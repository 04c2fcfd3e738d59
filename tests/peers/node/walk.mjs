// Common functions of the browser tests with Chromium.
//
// Arguments: the URL of the gateway, a folder for screenshots, `light` or `dark`, the width of the window.
// Output: one JSON line with the observations, accessibility violations (axe-core), hosts and console messages.
import { createRequire } from 'node:module';
import { createServer } from 'node:http';
import { createHash, randomBytes } from 'node:crypto';
import { readFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';

const require = createRequire(join(process.env.ROLECALL_PEERS_NODE, 'package.json'));
const { chromium } = require('playwright-core');
const axe = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');

export const [gateway, folder, colorScheme = 'light', width = '1280'] = process.argv.slice(2);
mkdirSync(folder, { recursive: true });

export const seen = { pages: {}, violations: [], hosts: [], complaints: [] };
/** A URL of the gateway. */
export const own = (path) => new URL(path, gateway).href;

const browser = await chromium.launch({
  executablePath: process.env.ROLECALL_PEERS_CHROMIUM,
  args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});

/** A new browser profile without a session. */
export const profile = (more = {}) => browser.newContext({ viewport: { width: Number(width), height: 900 }, colorScheme, ...more });

/** A new tab whose requests and console messages are recorded. */
export const tab = async (context) => {
  const page = await context.newPage();
  page.setDefaultTimeout(30_000);
  page.on('request', (request) => seen.hosts.push(new URL(request.url()).host));
  page.on('pageerror', (error) => seen.complaints.push(String(error)));
  page.on('console', (message) => {
    // Pages of peers are ignored. Browsers report error pages of the gateway, and sign-outs report what they clear.
    const expected = !message.location().url.startsWith(gateway) || /status of 4|Clear-Site-Data/.test(message.text());
    if (!expected && ['error', 'warning'].includes(message.type())) seen.complaints.push(message.text());
  });
  return page;
};

/** On a loaded machine a screenshot can fail because Chromium has no frame yet, so it is retried. */
const picture = async (page, name, tries = 3) => {
  try {
    await page.screenshot({ path: join(folder, `${name}-${width}-${colorScheme}.png`), fullPage: true });
  } catch (error) {
    if (tries === 1 || !String(error).includes('Unable to capture screenshot')) throw error;
    await picture(page, name, tries - 1);
  }
};

/** Records a page of the gateway: a screenshot, its text and, if scripts are enabled, the result of axe-core, which needs to bypass the content security policy. */
export const look = async (page, name, judge = true) => {
  await picture(page, name);
  seen.pages[name] = await page.locator('main').innerText();
  if (!judge) return;
  const protocol = await page.context().newCDPSession(page);
  await protocol.send('Page.setBypassCSP', { enabled: true });
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => globalThis.axe.run());
  for (const { id, nodes } of violations) seen.violations.push(`${name}: ${id}: ${nodes.map((node) => node.html).join(' ')}`);
  await protocol.send('Page.setBypassCSP', { enabled: false });
  await protocol.detach();
};

/** Signs in at the identity provider whose page is open. */
export const signIn = async (page, person) => {
  await page.locator('input[name=username]').fill(person);
  const password = page.locator('input[type=password]');
  if (await password.count()) await password.fill('any');
  await page.locator('button[type=submit], form button').first().click();
};

/** A client on this machine: it listens on loopback for the redirect and holds a PKCE verifier. */
export const program = async () => {
  const arrived = new Map();
  const server = createServer((request, response) => {
    const query = new URL(request.url, 'http://127.0.0.1').searchParams;
    arrived.set(query.get('state'), query);
    response.setHeader('content-type', 'text/html');
    response.end('<!doctype html><title>Done</title><p>You can close this window.</p>');
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  // The test does not wait for it.
  server.unref();
  const verifier = randomBytes(48).toString('base64url');
  const challenge = createHash('sha256').update(verifier).digest('base64url');
  return { arrived, verifier, challenge, redirectUri: `http://127.0.0.1:${server.address().port}/oauth/callback` };
};

/** Runs a test and prints the observations. If it fails, screenshots show every tab. */
export const walk = async (name, steps) => {
  try {
    await steps();
  } catch (error) {
    seen.failure = String(error);
    for (const page of browser.contexts().flatMap((context) => context.pages())) {
      seen.failure += ` at ${page.url()}`;
      await picture(page, `failed-${name}-${seen.failure.split(' at ').length - 1}`).catch(() => {});
    }
  } finally {
    await browser.close();
  }
  seen.hosts = [...new Set(seen.hosts)];
  console.log(`seen ${JSON.stringify(seen)}`);
};
