// Evaluates requests with npm's @cloud-copilot/iam-simulate, as IAM evaluates them.
//
// Reads an array of JSON from stdin. Each element: `principal` (ARN of a provider or of an AWS principal), `action`, `resource` (ARN),
// `context` (condition keys), and the policies `trust`, `identity` and `rcp`, each of them optional. Prints an array of JSON: for each
// element `decision` (`Allowed`, `ImplicitlyDenied` or `ExplicitlyDenied`) and `ignored` (condition keys of the context that it does
// not know for this action), or `errors`.

import { createRequire } from 'node:module';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

const require = createRequire(join(process.env.ROLECALL_PEERS_NODE, 'package.json'));
const { runSimulation } = require('@cloud-copilot/iam-simulate');

const ALL = { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: '*', Resource: '*' }] };
const within = (policy) => [{ orgIdentifier: 'r-root', policies: [{ name: 'own', policy }] }];

async function evaluate({ principal, action, resource, context, trust, identity, rcp }) {
  const { errors, overallResult, result } = await runSimulation(
    {
      request: {
        principal,
        action,
        resource: { resource, accountId: resource.split(':')[4] },
        contextVariables: context,
      },
      identityPolicies: identity ? [{ name: 'identity', policy: identity }] : [],
      serviceControlPolicies: within(ALL),
      resourceControlPolicies: rcp ? within(rcp) : [],
      resourcePolicy: trust ?? undefined,
    },
    {},
  );
  return { errors, decision: overallResult, ignored: result?.ignoredContextKeys };
}

const answers = [];
for (const request of JSON.parse(await text(process.stdin))) {
  answers.push(await evaluate(request));
}
console.log(JSON.stringify(answers));
