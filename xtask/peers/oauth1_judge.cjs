// Methods of ibkr-client's OAuth 1.0a, for oauth1_judge.py: a line `[name, …arguments]` of JSON is answered with one.
// PACKAGES names where npm has installed it.

'use strict';

const path = require('node:path');
const load = require('node:module').createRequire(path.join(process.env.PACKAGES, 'package.json'));
const { pki } = load('node-forge');
const { IbkrClient } = load('ibkr-client');

let config, oauth1;

const SPECIAL = {
  config(given) {
    config = given;
    oauth1 = new IbkrClient(given).oauth1;
    return true;
  },
  calculatePrepend: () => oauth1.calculatePrepend(config.accessTokenSecret, pki.privateKeyFromPem(config.encryption)),
  generateRsaSha256Signature: (text) => oauth1.generateRsaSha256Signature(text, pki.privateKeyFromPem(config.signature)),
};

require('node:readline')
  .createInterface({ input: process.stdin })
  .on('line', (line) => {
    const [name, ...values] = JSON.parse(line);
    const result = SPECIAL[name] ? SPECIAL[name](...values) : oauth1[name](...values.map((value) => value ?? undefined));
    console.log(JSON.stringify(result));
  });
