// npm's OpenID-certified oidc-provider on loopback, as somebody else's identity provider.
//
// Usage: node oidc-provider.mjs SETTINGS.json
// SETTINGS.json: { "clients": [client metadata], "people": { login: claims }, "algorithm": "ES256" | "RS256", "generation": 0,
//   "context": "urn:example:mfa" }
// With a context, `acr_values` that names it requires a session with it. The form is then the one below.
// Prints `listening on URL`. SIGHUP reads the file again and prints `settled GENERATION`; another generation has another key.

import { generateKeyPairSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const require = createRequire(join(process.env.ROLECALL_PEERS_NODE, 'package.json'));
const load = (name) => import(pathToFileURL(require.resolve(name)).href);
const { default: Provider, interactionPolicy } = await load('oidc-provider');
const { createMemoryAdapter } = await load('oidc-provider/lib/adapters/memory_adapter.js');

const file = process.argv[2];
const adapter = createMemoryAdapter(0);
const keys = new Map();
let answer, interact;

function key(algorithm, generation) {
  const name = `${algorithm}-${generation}`;
  if (!keys.has(name)) {
    const { privateKey } = algorithm === 'RS256'
      ? generateKeyPairSync('rsa', { modulusLength: 2048 })
      : generateKeyPairSync('ec', { namedCurve: 'P-256' });
    keys.set(name, { ...privateKey.export({ format: 'jwk' }), kid: name, alg: algorithm, use: 'sig' });
  }
  return keys.get(name);
}

const claims = { openid: ['sub', 'groups'], email: ['email', 'email_verified'], profile: ['name', 'preferred_username'] };
const requests = (params, context) => (params.acr_values ?? '').split(' ').includes(context);

// Interactions of an application: sessions have the context that was requested when they began.
function stepUp(context) {
  const { Check, base } = interactionPolicy;
  const policy = base();
  policy.get('login').checks.add(new Check('context', 'the context is requested', ({ oidc }) =>
    requests(oidc.params, context) && oidc.acr !== context ? Check.REQUEST_PROMPT : Check.NO_NEED_TO_PROMPT));
  return {
    acrValues: [context],
    claims: { ...claims, amr: null },
    features: { claimsParameter: { enabled: true }, devInteractions: { enabled: false }, rpInitiatedLogout: { enabled: true } },
    interactions: { policy, url: (_, interaction) => `/interaction/${interaction.uid}` },
    async loadExistingGrant({ oidc }) {
      const grant = new oidc.provider.Grant({ clientId: oidc.client.clientId, accountId: oidc.session.accountId });
      grant.addOIDCScope(oidc.params.scope);
      await grant.save();
      return grant;
    },
  };
}

function form(provider, context) {
  return async (request, response) => {
    const { params } = await provider.interactionDetails(request, response);
    if (request.method !== 'POST') {
      response.setHeader('content-type', 'text/html');
      response.end(`<!doctype html><title>Sign-in</title><form method="post" action="${request.url}">
        <input name="login"><input name="password" type="password"><button>Sign-in</button></form>`);
      return;
    }
    let body = '';
    for await (const chunk of request) body += chunk;
    const accountId = new URLSearchParams(body).get('login');
    const factors = requests(params, context) ? { acr: context, amr: ['pwd', 'mfa'] } : { amr: ['pwd'] };
    const login = { accountId, ...factors };
    await provider.interactionFinished(request, response, { login });
  };
}

// A new provider over the same storage: sessions and codes live on, clients and keys are what the file says now.
function settle(issuer, port) {
  const { clients, people, algorithm = 'ES256', generation = 0, context } = JSON.parse(readFileSync(file, 'utf8'));
  const provider = new Provider(issuer, {
    adapter,
    clients: clients.map((client) => ({ id_token_signed_response_alg: algorithm, ...client })),
    jwks: { keys: [key(algorithm, generation)] },
    enabledJWA: { idTokenSigningAlgValues: ['ES256', 'RS256'] },
    pkce: { required: () => true },
    // Groups and addresses in the ID token, as Okta and Entra ID send them.
    conformIdTokenClaims: false,
    claims,
    findAccount: (_, login) => people[login] && { accountId: login, claims: () => ({ sub: login, ...people[login] }) },
    features: { devInteractions: { enabled: true }, rpInitiatedLogout: { enabled: true } },
    // Cookies know no ports: two of these on one machine must not share a name.
    cookies: {
      keys: ['only for tests'],
      names: { interaction: `op_${port}_interaction`, resume: `op_${port}_resume`, session: `op_${port}_session` },
    },
    ...context && stepUp(context),
  });
  for (const event of ['authorization.error', 'grant.error', 'server_error']) {
    provider.on(event, (_, error) => console.error(event, error.error_detail ?? error));
  }
  answer = provider.callback();
  interact = context && form(provider, context);
  return generation;
}

const server = createServer((request, response) => {
  const own = interact && request.url.startsWith('/interaction/');
  return own ? interact(request, response).catch((error) => console.error(error)) : answer(request, response);
});
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address();
  const issuer = `http://127.0.0.1:${port}`;
  settle(issuer, port);
  process.on('SIGHUP', () => console.log(`settled ${settle(issuer, port)}`));
  console.log(`listening on ${issuer}`);
});
