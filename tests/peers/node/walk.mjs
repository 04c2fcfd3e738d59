// What all walks through our pages in a real Chromium have in common.
//
// Arguments of a walk: the gateway's URL, a folder for screenshots, `light` or `dark`, the window's width.
// A walk prints one JSON line: what was seen, accessibility violations (axe-core), hosts, console complaints.
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
/** An address of ours. */
export const own = (path) => new URL(path, gateway).href;

const browser = await chromium.launch({
  executablePath: process.env.ROLECALL_PEERS_CHROMIUM,
  args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});

/** A browser of its own, with nobody signed in. */
export const profile = (more = {}) => browser.newContext({ viewport: { width: Number(width), height: 900 }, colorScheme, ...more });

/** A new tab, whose requests and complaints are noted. */
export const tab = async (context) => {
  const page = await context.newPage();
  page.setDefaultTimeout(30_000);
  page.on('request', (request) => seen.hosts.push(new URL(request.url()).host));
  page.on('pageerror', (error) => seen.complaints.push(String(error)));
  page.on('console', (message) => {
    // The peers' pages are not ours to judge; our problem pages are errors to the browser, and signing out reports what it clears.
    const expected = !message.location().url.startsWith(gateway) || /status of 4|Clear-Site-Data/.test(message.text());
    if (!expected && ['error', 'warning'].includes(message.type())) seen.complaints.push(message.text());
  });
  return page;
};

/** On a busy machine Chromium now and then has no frame to give, and says so; it has one the next time. */
const picture = async (page, name, tries = 3) => {
  try {
    await page.screenshot({ path: join(folder, `${name}-${width}-${colorScheme}.png`), fullPage: true });
  } catch (error) {
    if (tries === 1 || !String(error).includes('Unable to capture screenshot')) throw error;
    await picture(page, name, tries - 1);
  }
};

/** Looks at a page of ours: a picture, its text and, where it may run scripts, what axe-core says of it. The page's policy lets no script in, so axe-core comes in beside it. */
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

/** Signs somebody in at the identity provider whose page is open. */
export const signIn = async (page, person) => {
  await page.locator('input[name=username]').fill(person);
  const password = page.locator('input[type=password]');
  if (await password.count()) await password.fill('any');
  await page.locator('button[type=submit], form button').first().click();
};

/** A program on this machine that wants in: it listens on loopback for what the browser brings back, and holds a PKCE verifier. */
export const program = async () => {
  const arrived = new Map();
  const server = createServer((request, response) => {
    const query = new URL(request.url, 'http://127.0.0.1').searchParams;
    arrived.set(query.get('state'), query);
    response.setHeader('content-type', 'text/html');
    response.end('<!doctype html><title>Done</title><p>You can close this window.</p>');
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  // The walk ends without it.
  server.unref();
  const verifier = randomBytes(48).toString('base64url');
  const challenge = createHash('sha256').update(verifier).digest('base64url');
  return { arrived, verifier, challenge, redirectUri: `http://127.0.0.1:${server.address().port}/oauth/callback` };
};

/** Runs a walk and prints what was seen. Where it fails, pictures show every tab. */
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
