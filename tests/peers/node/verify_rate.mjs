// How often npm's @node-saml/node-saml verifies a response in a second of a processor.
//
// Reads lines of JSON from stdin. The first: `response` (base64), `certificate` (base64 of DER), `issuer`, `audience`, `recipient`.
// Each further one is a number of seconds; for each prints `COUNT SECONDS`: verifications, and seconds on a processor.

import { createRequire } from 'node:module';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const require = createRequire(join(process.env.ROLECALL_PEERS_NODE, 'package.json'));
const { SAML, ValidateInResponseTo } = require('@node-saml/node-saml');

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const told = JSON.parse((await lines.next()).value);
const saml = new SAML({
  idpCert: told.certificate,
  idpIssuer: told.issuer,
  issuer: told.audience,
  audience: told.audience,
  callbackUrl: told.recipient,
  entryPoint: 'https://idp.example/sso',
  wantAuthnResponseSigned: false,
  wantAssertionsSigned: true,
  validateInResponseTo: ValidateInResponseTo.never,
});

async function verify() {
  const { profile } = await saml.validatePostResponseAsync({ SAMLResponse: told.response });
  if (profile?.nameID !== told.subject) throw new Error(`read ${profile?.nameID}`);
}

for await (const line of lines) {
  const seconds = Number(line);
  const before = process.cpuUsage();
  const begun = performance.now();
  let count = 0;
  while (count === 0 || performance.now() - begun < seconds * 1000) {
    await verify();
    count += 1;
  }
  const spent = process.cpuUsage(before);
  console.log(`${count} ${(spent.user + spent.system) / 1e6}`);
}
