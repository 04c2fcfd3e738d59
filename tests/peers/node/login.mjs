// Tests the pages of `aws login` in Chromium: with the search and the keyboard, without JavaScript, and for a terminal on another
// machine.
import { generateKeyPairSync, randomUUID, sign } from 'node:crypto';
import { gateway, look, own, profile, program, seen, signIn, tab, walk } from './walk.mjs';

seen.keys = [];
// The program redeems the code with a proof of its key (RFC 9449).
const { arrived, verifier, challenge, redirectUri } = await program();
const here = { client: 'arn:aws:signin:::devtools/same-device', redirectUri };
const there = { client: 'arn:aws:signin:::devtools/cross-device', redirectUri: own('/v1/sessions/confirmation') };

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

await walk('login', async () => {
  const context = await profile();
  await context.grantPermissions(['clipboard-read', 'clipboard-write'], { origin: gateway });
  const page = await tab(context);
  await page.goto(authorize(here, 'search'));
  await signIn(page, 'alice');
  await page.waitForURL(own('/v1/authorize**'));
  await look(page, 'login');
  seen.roles = await page.locator('li button[name=role]:visible').count();
  // By keyboard only: search, move down to the role, select it.
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

  // Another machine: the code is copied and pasted there.
  await page.goto(authorize(there, 'remote'));
  await look(page, 'login-remote');
  await page.getByRole('button', { name: 'Use this role: ReadOnly in payments-prod' }).click();
  await page.waitForURL(own('/v1/sessions/confirmation**'));
  await look(page, 'login-code');
  await page.getByRole('button', { name: 'Copy' }).click();
  const pasted = new URLSearchParams(Buffer.from(await page.evaluate(() => navigator.clipboard.readText()), 'base64').toString());
  seen.state = pasted.get('state');
  await redeem(there, pasted.get('code'));

  // Without JavaScript the search is a form, and the page still redirects to the program.
  const plain = await tab(await profile({ javaScriptEnabled: false }));
  await plain.goto(authorize(here, 'plain'));
  await signIn(plain, 'bob');
  await plain.waitForURL(own('/v1/authorize**'));
  await look(plain, 'login-plain', false);
  await plain.locator('#q').fill('payments-dev read');
  await plain.keyboard.press('Enter');
  await plain.getByText('Results for “').waitFor();
  await look(plain, 'login-plain-search', false);
  await plain.getByRole('button', { name: 'Use this role: ReadOnly in payments-dev' }).click();
  await plain.getByText('You can close this window.').waitFor();
  await redeem(here, arrived.get('plain').get('code'));
});
