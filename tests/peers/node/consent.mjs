// Lets programs in through a real Chromium, as a person would: three tabs of one program answered with one click, and a
// device whose code is compared and typed, by keyboard and without JavaScript.
//
// Arguments: the gateway's URL, a folder for screenshots, `light` or `dark`, the window's width.
// Prints one JSON line: what was seen, accessibility violations (axe-core), foreign hosts, console complaints.
import { createRequire } from 'node:module';
import { createServer } from 'node:http';
import { createHash, randomBytes } from 'node:crypto';
import { readFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';

const require = createRequire(join(process.env.ROLECALL_PEERS_NODE, 'package.json'));
const { chromium } = require('playwright-core');
const axe = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');
const [gateway, folder, colorScheme, width] = process.argv.slice(2);
mkdirSync(folder, { recursive: true });

const seen = { pages: {}, violations: [], hosts: [], complaints: [], tokens: [] };
const own = (path) => new URL(path, gateway).href;
const call = async (path, body) => (await fetch(own(path), { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })).json();

// The program: it listens on loopback, and redeems what arrives there.
const arrived = new Map();
const server = createServer((request, response) => {
  const query = new URL(request.url, 'http://127.0.0.1').searchParams;
  arrived.set(query.get('state'), query);
  response.setHeader('content-type', 'text/html');
  response.end('<!doctype html><title>Done</title><p>You can close this window.</p>');
});
await new Promise((done) => server.listen(0, '127.0.0.1', done));
const redirectUri = `http://127.0.0.1:${server.address().port}/oauth/callback`;

const client = await call('/client/register', { clientName: 'botocore-client-work', clientType: 'public', redirectUris: ['http://127.0.0.1/oauth/callback'], scopes: ['sso:account:access'] });
const credentials = { clientId: client.clientId, clientSecret: client.clientSecret };
const verifier = randomBytes(48).toString('base64url');
const challenge = createHash('sha256').update(verifier).digest('base64url');
const authorize = (state) => own('/authorize?' + new URLSearchParams({ response_type: 'code', client_id: client.clientId, redirect_uri: redirectUri, state, code_challenge_method: 'S256', scopes: 'sso:account:access', code_challenge: challenge }));

const browser = await chromium.launch({
  executablePath: process.env.ROLECALL_PEERS_CHROMIUM,
  args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});

const watch = (page) => {
  page.setDefaultTimeout(20_000);
  page.on('request', (request) => seen.hosts.push(new URL(request.url()).host));
  page.on('pageerror', (error) => seen.complaints.push(String(error)));
  page.on('console', (message) => {
    // Problems of ours are errors to the browser, and expected here; the peers' pages are not ours to judge.
    const { url } = message.location();
    if (url.startsWith(gateway) && ['error', 'warning'].includes(message.type()) && !message.text().includes('status of 4')) seen.complaints.push(message.text());
  });
  return page;
};

/** Looks at a page of ours: a picture, and what axe-core says of it. The page's policy lets no script in, so axe-core comes in beside it. */
const look = async (page, name, judge = true) => {
  await page.screenshot({ path: join(folder, `${name}-${width}-${colorScheme}.png`), fullPage: true });
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
const signIn = async (page, person) => {
  await page.locator('input[name=username]').fill(person);
  const password = page.locator('input[type=password]');
  if (await password.count()) await password.fill('any');
  await page.locator('button[type=submit], form button').first().click();
};
const redeem = async (query) => {
  const answer = await call('/token', { ...credentials, grantType: 'authorization_code', code: query.get('code'), redirectUri, codeVerifier: verifier });
  seen.tokens.push(answer.accessToken ?? JSON.stringify(answer));
};

try {
  const settings = { viewport: { width: Number(width), height: 900 }, colorScheme };
  const context = await browser.newContext(settings);
  const first = watch(await context.newPage());
  await first.goto(authorize('tab-0'));
  await signIn(first, 'alice');
  await first.waitForURL(own('/authorize**'));
  await look(first, 'consent');
  // Two more tabs of the same program; the first is looked at again and shows all three.
  const others = [];
  for (const state of ['tab-1', 'tab-2']) {
    const tab = watch(await context.newPage());
    await tab.goto(authorize(state));
    others.push(tab);
  }
  await first.bringToFront();
  await first.reload();
  await first.locator('.burst summary').click();
  await look(first, 'consent-burst');
  await first.getByRole('button', { name: 'Allow' }).click();
  for (const tab of [first, ...others]) await tab.getByText('You can close this window.').waitFor();
  for (const state of ['tab-0', 'tab-1', 'tab-2']) await redeem(arrived.get(state));

  // Refused: the program is told.
  await first.goto(authorize('no'));
  await first.getByRole('button', { name: 'Deny' }).click();
  await first.getByText('You can close this window.').waitFor();
  seen.denied = arrived.get('no').get('error');
  // A request that cannot be let in, and one that was answered.
  await first.goto(own('/authorize?client_id=nobody'));
  await look(first, 'consent-unknown');
  await first.goto(authorize('no'));
  await look(first, 'consent-spent');

  // A device, by keyboard and without JavaScript.
  const plain = watch(await (await browser.newContext({ ...settings, javaScriptEnabled: false })).newPage());
  const device = await call('/device_authorization', { ...credentials, startUrl: 'https://x.awsapps.com/start' });
  const typed = await call('/device_authorization', { ...credentials, startUrl: 'https://x.awsapps.com/start' });
  await plain.goto(device.verificationUri);
  await signIn(plain, 'alice');
  await plain.waitForURL(own('/device'));
  await look(plain, 'device', false);
  await plain.locator('#user-code').fill('BCDF-BCDF');
  await plain.keyboard.press('Enter');
  await plain.getByText('No program waits with this code').waitFor();
  await look(plain, 'device-wrong', false);
  await plain.goto(device.verificationUriComplete);
  if (width > 640) await plain.locator('.phone summary').click();
  await look(plain, 'device-link', false);
  await plain.locator('#retyped').focus();
  await plain.keyboard.type(device.userCode.slice(5).toLowerCase());
  // Enter in the field is the first button's: the program on the terminal is let in by the one who typed its code.
  await plain.keyboard.press('Enter');
  await plain.getByText('Go on in your terminal').waitFor();
  await look(plain, 'device-allowed', false);
  for (const code of [device.deviceCode, typed.deviceCode]) {
    const answer = await call('/token', { ...credentials, grantType: 'urn:ietf:params:oauth:grant-type:device_code', deviceCode: code });
    seen.tokens.push(answer.accessToken ?? JSON.stringify(answer));
  }
  // The same pages under axe-core, which needs JavaScript.
  const judged = await call('/device_authorization', { ...credentials, startUrl: 'https://x.awsapps.com/start' });
  await first.goto(own('/device'));
  await look(first, 'device-judged');
  await first.goto(judged.verificationUriComplete);
  await look(first, 'device-link-judged');
  await first.locator('#retyped').fill('XXXX');
  await first.getByRole('button', { name: 'Allow' }).click();
  await first.getByText('was not typed').waitFor();
  await look(first, 'device-not-retyped');
  await first.getByRole('button', { name: 'Deny' }).click();
  await first.getByText('The program gets nothing').waitFor();
  await look(first, 'device-denied');
} catch (error) {
  seen.failure = String(error);
  for (const context of browser.contexts()) for (const [at, page] of context.pages().entries()) {
    seen.failure += ` at ${page.url()}`;
    await page.screenshot({ path: join(folder, `consent-failed-${at}-${width}-${colorScheme}.png`), fullPage: true }).catch(() => {});
  }
} finally {
  await browser.close();
  server.close();
}
seen.hosts = [...new Set(seen.hosts)];
console.log(`seen ${JSON.stringify(seen)}`);
