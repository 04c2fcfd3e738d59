// Tests the consent pages in Chromium: one decision for three tabs of one program, and a device whose code is compared and
// typed, by keyboard and without JavaScript.
import { look, own, profile, program, seen, signIn, tab, walk, width } from './walk.mjs';

seen.tokens = [];
const call = async (path, body) => (await fetch(own(path), { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })).json();
const { arrived, verifier, challenge, redirectUri } = await program();

const client = await call('/client/register', { clientName: 'botocore-client-work', clientType: 'public', redirectUris: ['http://127.0.0.1/oauth/callback'], scopes: ['sso:account:access'] });
const credentials = { clientId: client.clientId, clientSecret: client.clientSecret };
const authorize = (state) => own('/authorize?' + new URLSearchParams({ response_type: 'code', client_id: client.clientId, redirect_uri: redirectUri, state, code_challenge_method: 'S256', scopes: 'sso:account:access', code_challenge: challenge }));
const redeem = async (query) => {
  const answer = await call('/token', { ...credentials, grantType: 'authorization_code', code: query.get('code'), redirectUri, codeVerifier: verifier });
  seen.tokens.push(answer.accessToken ?? JSON.stringify(answer));
};

await walk('consent', async () => {
  const context = await profile();
  const first = await tab(context);
  await first.goto(authorize('tab-0'));
  await signIn(first, 'alice');
  await first.waitForURL(own('/authorize**'));
  await look(first, 'consent');
  // Two more tabs of the same program. The first one shows all three after a reload.
  const others = [];
  for (const state of ['tab-1', 'tab-2']) {
    const other = await tab(context);
    await other.goto(authorize(state));
    others.push(other);
  }
  await first.bringToFront();
  await first.reload();
  await first.locator('.burst summary').click();
  await look(first, 'consent-burst');
  await first.getByRole('button', { name: 'Allow' }).click();
  for (const page of [first, ...others]) await page.getByText('You can close this window.').waitFor();
  for (const state of ['tab-0', 'tab-1', 'tab-2']) await redeem(arrived.get(state));

  // Denied: the error is returned to the program.
  await first.goto(authorize('no'));
  await first.getByRole('button', { name: 'Deny' }).click();
  await first.getByText('You can close this window.').waitFor();
  seen.denied = arrived.get('no').get('error');
  // An invalid request, and one that was already completed.
  await first.goto(own('/authorize?client_id=nobody'));
  await look(first, 'consent-unknown');
  await first.goto(authorize('no'));
  await look(first, 'consent-spent');

  // A device, by keyboard and without JavaScript.
  const plain = await tab(await profile({ javaScriptEnabled: false }));
  const device = await call('/device_authorization', { ...credentials, startUrl: own('/start') });
  const typed = await call('/device_authorization', { ...credentials, startUrl: own('/start') });
  await plain.goto(device.verificationUri);
  await signIn(plain, 'alice');
  await plain.waitForURL(own('/device'));
  await look(plain, 'device', false);
  await plain.locator('#user-code').fill('BCDF-BCDF');
  await plain.keyboard.press('Enter');
  await plain.getByText('This code is not valid').waitFor();
  await look(plain, 'device-wrong', false);
  await plain.goto(device.verificationUriComplete);
  if (width > 640) await plain.locator('.phone summary').click();
  await look(plain, 'device-link', false);
  await plain.locator('#retyped').focus();
  await plain.keyboard.type(device.userCode.slice(5).toLowerCase());
  // Enter in the field activates the first button, Allow.
  await plain.keyboard.press('Enter');
  await plain.getByText('Access granted. Return to your terminal.').waitFor();
  await look(plain, 'device-allowed', false);
  for (const code of [device.deviceCode, typed.deviceCode]) {
    const answer = await call('/token', { ...credentials, grantType: 'urn:ietf:params:oauth:grant-type:device_code', deviceCode: code });
    seen.tokens.push(answer.accessToken ?? JSON.stringify(answer));
  }
  // The same pages under axe-core, which needs JavaScript.
  const judged = await call('/device_authorization', { ...credentials, startUrl: own('/start') });
  await first.goto(own('/device'));
  await look(first, 'device-judged');
  await first.goto(judged.verificationUriComplete);
  await look(first, 'device-link-judged');
  await first.locator('#retyped').fill('XXXX');
  await first.getByRole('button', { name: 'Allow' }).click();
  await first.getByText('differs from the displayed one').waitFor();
  await look(first, 'device-not-retyped');
  await first.getByRole('button', { name: 'Deny' }).click();
  await first.getByText('Access denied. You can close this page.').waitFor();
  await look(first, 'device-denied');

  // After signing out of the browser the programs remain signed in. One button ends them, also without JavaScript.
  const working = async () => {
    const asked = seen.tokens.map((token) => fetch(own('/assignment/accounts'), { headers: { 'x-amz-sso_bearer_token': token } }));
    return (await Promise.all(asked)).filter((answer) => answer.ok).length;
  };
  for (const page of [first, plain]) {
    await page.goto(own('/'));
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.waitForURL(own('/signed-out'));
    await look(page, page === plain ? 'signed-out-plain' : 'signed-out-clients', page !== plain);
  }
  seen.working = [await working()];
  await plain.getByRole('button', { name: 'Sign out all programs' }).click();
  await plain.getByText('are signed out too').waitFor();
  await look(plain, 'signed-out-ended', false);
  seen.working.push(await working());
});
