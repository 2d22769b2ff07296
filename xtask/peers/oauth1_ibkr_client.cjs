// ibkr-client of npm, unmodified, with its OAuth 1.0a at the simulator under IBKR's real names.
//
//     oauth1_ibkr_client.cjs FOLDER ADMIN
//
// FOLDER is what the simulator was told to write its settings into. HTTPS_PROXY and NODE_EXTRA_CA_CERTS lead to it.
// A line is printed for each check; the exit code is 0 when all passed. PACKAGES names where npm has installed it.

'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { performance } = require('node:perf_hooks');

const load = require('node:module').createRequire(path.join(process.env.PACKAGES, 'package.json'));
const { EnvHttpProxyAgent, setGlobalDispatcher } = load('undici');
const { IbkrClient } = load('ibkr-client');

const [folder] = process.argv.slice(2);
const CONID = 265598;
const ACCOUNT = 'DU1234567';

// It has no setting for a proxy.
setGlobalDispatcher(new EnvHttpProxyAgent());

const given = {};
for (const [, name, value] of fs.readFileSync(path.join(folder, 'oauth1.yaml'), 'utf8').matchAll(/^(\w+): '?([^'\n]*)/gm)) {
  given[name] = value;
}
const config = {
  consumerKey: given.oauth1_consumer_key,
  accessToken: given.oauth1_access_token,
  accessTokenSecret: given.oauth1_access_token_secret,
  signature: fs.readFileSync(given.private_key_file, 'utf8'),
  encryption: fs.readFileSync(given.oauth1_encryption_key_file, 'utf8'),
  dhPrime: prime(given.oauth1_dh_param_file),
  realm: 'limited_poa',
};
const client = new IbkrClient(config);

/** The first number of a PKCS #3 sequence, in hexadecimal digits. */
function prime(file) {
  const der = Buffer.from(fs.readFileSync(file, 'utf8').replace(/-----.*-----/g, ''), 'base64');
  const start = der.indexOf(Buffer.from([0x02, 0x82]), 0);
  return der.subarray(start + 4, start + 4 + der.readUInt16BE(start + 2)).toString('hex').replace(/^0+/, '');
}

function expect(what, found, wanted) {
  if (found !== wanted) throw new Error(`${what} is ${JSON.stringify(found)}, not ${JSON.stringify(wanted)}`);
}

const CHECKS = [
  ['init: live session token that proves itself, brokerage session', async () => {
    expect('authenticated', (await client.init()).authenticated, true);
  }],
  ['GET', async () => {
    expect('accountId', (await client.request({ path: 'portfolio/accounts' }))[0].accountId, ACCOUNT);
    const { accounts } = await client.request({ path: 'iserver/accounts' });
    expect('accounts', accounts[0], ACCOUNT);
  }],
  ['GET with a query, signed among the parameters', async () => {
    const params = { conids: CONID, fields: '31,84' };
    const [snapshot] = await client.request({ path: 'iserver/marketdata/snapshot', params });
    expect('conid', snapshot.conid, CONID);
  }],
  ['GET with a query of a space, a slash and more', async () => {
    await client.request({ path: 'iserver/secdef/search', params: { symbol: 'BRK B/x', name: 'a|b:c+d é' } });
  }],
  ['POST with a body: an order', async () => {
    const order = { acctId: ACCOUNT, conid: CONID, side: 'BUY', quantity: 1, orderType: 'LMT', price: 1, tif: 'DAY', cOID: 'one' };
    const placed = await client.request({ path: `iserver/account/${ACCOUNT}/orders`, method: 'POST', data: { orders: [order] } });
    expect('order_status', placed[0].order_status, 'Submitted');
  }],
  ['POST: tickle', async () => {
    expect('authenticated', (await client.request({ path: 'tickle', method: 'POST' })).iserver.authStatus.authenticated, true);
  }],
  ['refused, as it has to be: signed with another key', async () => {
    const other = new IbkrClient({ ...config, signature: config.encryption });
    const text = await other.init().then(() => 'it logged in', (error) => error.message);
    expect('the status', text.includes('status 401'), true);
  }],
  ['POST: logout', async () => {
    expect('status', (await client.request({ path: 'logout', method: 'POST' })).status, true);
  }],
];

(async () => {
  let failures = 0;
  for (const [about, check] of CHECKS) {
    const started = performance.now();
    let [word, text] = ['ok', ''];
    try {
      await check();
    } catch (error) {
      [word, text] = ['FAILED', `${error.message} ${error.cause ?? ''}`];
      failures += 1;
    }
    const took = ((performance.now() - started) / 1000).toFixed(3).padStart(7);
    console.log(`  ${word.padEnd(7)} ${about.padEnd(64)} ${took} s  ${text}`);
  }
  console.log(`  ${CHECKS.length - failures} of ${CHECKS.length} checks passed`);
  process.exit(failures ? 1 : 0);
})();
