// Chooses roles for `aws login` in a real Chromium, as a person would: with the search and the keyboard, without JavaScript,
// and for a terminal on another machine.
//
// Arguments: the gateway's URL, a folder for screenshots, `light` or `dark`, the window's width.
// Prints one JSON line: what was seen, accessibility violations (axe-core), foreign hosts, console complaints.
import { createRequire } from 'node:module';
import { createServer } from 'node:http';
import { createHash, generateKeyPairSync, randomBytes, randomUUID, sign } from 'node:crypto';
import { readFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';

const require = createRequire(join(process.env.ROLECALL_PEERS_NODE, 'package.json'));
const { chromium } = require('playwright-core');
const axe = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');
const [gateway, folder, colorScheme, width] = process.argv.slice(2);
mkdirSync(folder, { recursive: true });

const seen = { pages: {}, violations: [], hosts: [], complaints: [], keys: [] };
const own = (path) => new URL(path, gateway).href;

// The program: it listens on loopback, and redeems what arrives there with a proof of its key (RFC 9449).
const arrived = new Map();
const server = createServer((request, response) => {
  const query = new URL(request.url, 'http://127.0.0.1').searchParams;
  arrived.set(query.get('state'), query);
  response.setHeader('content-type', 'text/html');
  response.end('<!doctype html><title>Done</title><p>You can close this window.</p>');
});
await new Promise((done) => server.listen(0, '127.0.0.1', done));
const here = { client: 'arn:aws:signin:::devtools/same-device', redirectUri: `http://127.0.0.1:${server.address().port}/oauth/callback` };
const there = { client: 'arn:aws:signin:::devtools/cross-device', redirectUri: own('/v1/sessions/confirmation') };

const verifier = randomBytes(48).toString('base64url');
const challenge = createHash('sha256').update(verifier).digest('base64url');
const authorize = ({ client, redirectUri }, state) => own('/v1/authorize?' + new URLSearchParams({ response_type: 'code', client_id: client, state, code_challenge_method: 'SHA-256', scope: 'openid', redirect_uri: redirectUri, code_challenge: challenge }));
const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const redeem = async ({ client, redirectUri }, code) => {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const { kty, crv, x, y } = publicKey.export({ format: 'jwk' });
  const input = `${part({ typ: 'dpop+jwt', alg: 'ES256', jwk: { kty, crv, x, y } })}.${part({ htm: 'POST', htu: own('/v1/token'), iat: Math.floor(Date.now() / 1000), jti: randomUUID() })}`;
  const proof = `${input}.${sign('sha256', Buffer.from(input), { key: privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`;
  const body = JSON.stringify({ clientId: client, grantType: 'authorization_code', code, codeVerifier: verifier, redirectUri });
  const answer = await (await fetch(own('/v1/token'), { method: 'POST', headers: { 'content-type': 'application/json', DPoP: proof }, body })).json();
  seen.keys.push(answer.accessToken?.accessKeyId ?? JSON.stringify(answer));
};

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

try {
  const settings = { viewport: { width: Number(width), height: 900 }, colorScheme };
  const context = await browser.newContext(settings);
  await context.grantPermissions(['clipboard-read', 'clipboard-write'], { origin: gateway });
  const page = watch(await context.newPage());
  await page.goto(authorize(here, 'search'));
  await signIn(page, 'alice');
  await page.waitForURL(own('/v1/authorize**'));
  await look(page, 'login');
  seen.roles = await page.locator('li button[name=role]:visible').count();
  // By keyboard alone: search, go down to the role, take it.
  await page.keyboard.press('/');
  await page.keyboard.type('sandbox dev');
  await page.waitForFunction((before) => [...document.querySelectorAll('li button[name=role]')].filter((button) => button.checkVisibility()).length < before, seen.roles);
  seen.found = await page.locator('li button[name=role]:visible').count();
  await look(page, 'login-search');
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  await page.getByText('You can close this window.').waitFor();
  await redeem(here, arrived.get('search').get('code'));

  await page.goto(authorize(here, 'no'));
  await page.getByRole('button', { name: 'Cancel' }).click();
  await page.getByText('You can close this window.').waitFor();
  seen.denied = arrived.get('no').get('error');
  await page.goto(own('/v1/authorize?client_id=nobody'));
  await look(page, 'login-unknown');

  // Another machine: the code is copied, and pasted there.
  await page.goto(authorize(there, 'remote'));
  await look(page, 'login-remote');
  await page.getByRole('button', { name: 'Use this role: ReadOnly in payments-prod' }).click();
  await page.waitForURL(own('/v1/sessions/confirmation**'));
  await look(page, 'login-code');
  await page.getByRole('button', { name: 'Copy' }).click();
  const pasted = new URLSearchParams(Buffer.from(await page.evaluate(() => navigator.clipboard.readText()), 'base64').toString());
  seen.state = pasted.get('state');
  await redeem(there, pasted.get('code'));

  // Without JavaScript the search is a form, and the page goes on to the program all the same.
  const plain = watch(await (await browser.newContext({ ...settings, javaScriptEnabled: false })).newPage());
  await plain.goto(authorize(here, 'plain'));
  await signIn(plain, 'bob');
  await plain.waitForURL(own('/v1/authorize**'));
  await look(plain, 'login-plain', false);
  await plain.locator('#q').fill('payments-dev read');
  await plain.keyboard.press('Enter');
  await plain.getByText('match “').waitFor();
  await look(plain, 'login-plain-search', false);
  await plain.getByRole('button', { name: 'Use this role: ReadOnly in payments-dev' }).click();
  await plain.getByText('You can close this window.').waitFor();
  await redeem(here, arrived.get('plain').get('code'));
} catch (error) {
  seen.failure = String(error);
  for (const context of browser.contexts()) for (const [at, page] of context.pages().entries()) {
    seen.failure += ` at ${page.url()}`;
    await page.screenshot({ path: join(folder, `login-failed-${at}-${width}-${colorScheme}.png`), fullPage: true }).catch(() => {});
  }
} finally {
  await browser.close();
  server.close();
}
seen.hosts = [...new Set(seen.hosts)];
console.log(`seen ${JSON.stringify(seen)}`);
