// An OpenID provider that nobody here wrote (npm oidc-provider), held to the profile of
// デジタル認証アプリ: code flow alone, PKCE with S256, private_key_jwt, RS256.
//
// The one argument is a JSON file: issuer, port, client, jwks (private signing keys), acr.
// Its login page asks for nothing but the answer that a test wants.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';

import { Provider } from 'oidc-provider';

const { issuer, port, client, jwks, acr } = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const INTERACTION = /^\/interaction\/([\w-]+)$/;

const provider = new Provider(issuer, {
  clients: [{
    ...client,
    response_types: ['code'],
    grant_types: ['authorization_code'],
    token_endpoint_auth_method: 'private_key_jwt',
    token_endpoint_auth_signing_alg: 'RS256',
    id_token_signed_response_alg: 'RS256',
  }],
  jwks,
  acrValues: acr,
  clientAuthMethods: ['private_key_jwt'],
  responseTypes: ['code'],
  scopes: ['openid'],
  pkce: { required: () => true },
  cookies: { keys: ['a key that guards nothing but a test'] },
  claims: { acr: null, openid: ['sub', 'acr'] },
  features: { devInteractions: { enabled: false } },
  interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
  loadExistingGrant: async (ctx) => {
    const grant = new ctx.oidc.provider.Grant({
      accountId: ctx.oidc.session.accountId,
      clientId: ctx.oidc.client.clientId,
    });
    grant.addOIDCScope('openid');
    await grant.save();
    return grant;
  },
});

provider.on('server_error', (_, error) => console.error(error));

async function body(request) {
  let text = '';
  for await (const part of request) text += part;
  return new URLSearchParams(text);
}

function outcome(answer) {
  const error = answer.get('error');
  if (error) return { error, error_description: 'as the test asked' };
  return { login: { accountId: answer.get('login'), acr: answer.get('acr') ?? undefined } };
}

const PAGE = `<!doctype html><html lang="en"><title>Sign in</title><main><h1>Sign in</h1>
<form method="post"><label>Name <input name="login" required></label>
<input type="hidden" name="acr" value="${acr[0] ?? ''}"><button>Sign in</button></form>
<form method="post"><button name="error" value="access_denied">Cancel</button></form></main></html>`;

const handle = provider.callback();
createServer(async (request, response) => {
  const asked = INTERACTION.exec(new URL(request.url, issuer).pathname);
  if (!asked) return handle(request, response);
  if (request.method === 'POST') {
    const answer = outcome(await body(request));
    return provider.interactionFinished(request, response, answer, { mergeWithLastSubmission: false });
  }
  response.setHeader('Content-Type', 'text/html; charset=utf-8');
  return response.end(PAGE);
}).listen(port, '127.0.0.1', () => console.log('listening'));
