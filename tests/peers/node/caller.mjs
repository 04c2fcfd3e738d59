// Becomes a role by the SDK's own chain and prints who that is. The profile is AWS_PROFILE's, or the argument's.
import { createRequire } from 'node:module';
import { join } from 'node:path';

const require = createRequire(join(process.env.ROLECALL_PEERS_NODE, 'package.json'));
// Says which hosts are asked, and lets no request leave this machine.
const dns = require('node:dns');
const { lookup } = dns;
dns.lookup = (host, ...rest) => {
  console.log(`asks ${host}`);
  const known = ['localhost', '127.0.0.1'].includes(host);
  return known ? lookup(host, ...rest) : rest.at(-1)(new Error('not from a test'));
};
const { fromNodeProviderChain } = require('@aws-sdk/credential-providers');
const { STSClient, GetCallerIdentityCommand } = require('@aws-sdk/client-sts');

const profile = process.argv[2];
const credentials = fromNodeProviderChain(profile ? { profile } : {});
const sts = new STSClient({ region: 'eu-west-1', endpoint: process.env.AWS_ENDPOINT_URL_STS, credentials });
console.log((await sts.send(new GetCallerIdentityCommand({}))).Arn);
