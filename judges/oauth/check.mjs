// Has openid-client judge the running authorization server that PARAPH_OAUTH
// describes: logins, refreshes, pushed requests, device codes, DPoP with nonces,
// and private_key_jwt. A verdict a line.
import * as client from 'openid-client'

const set = JSON.parse(process.env.PARAPH_OAUTH)
const grace = { id_token_signed_response_alg: 'ES256' }
const open = { execute: [client.allowInsecureRequests] }

let failed = 0
async function verdict(name, fn) {
  try {
    await fn()
    console.log(`ok openid-client ${name}`)
  } catch (e) {
    failed++
    console.log(`not ok openid-client ${name}: ${e.message} ${e.cause ? JSON.stringify(e.cause) : ''}`)
  }
}
function must(good, why) {
  if (!good) throw new Error(why)
}

// browse is a person with a browser, who logs in and allows.
async function browse(address) {
  const jar = new Map()
  let [url, form] = [new URL(address), null]
  for (let i = 0; i < 12; i++) {
    const res = await fetch(url, {
      method: form ? 'POST' : 'GET', redirect: 'manual', body: form,
      headers: { cookie: [...jar].map(([k, v]) => `${k}=${v}`).join('; ') },
    })
    for (const line of res.headers.getSetCookie()) {
      const [pair] = line.split(';')
      jar.set(pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1))
    }
    const to = res.headers.get('location')
    if (to) {
      ;[url, form] = [new URL(to, url), null]
      if (url.href.startsWith(set.redirect)) return url
      continue
    }
    const page = await res.text()
    if (page.includes('The device is connected')) return null
    const action = page.match(/<form method="post" action="([^"]*)"/)
    must(action, `${res.status} ${page}`)
    form = new URLSearchParams({ answer: 'allow' })
    for (const [input, name] of page.matchAll(/<input[^>]* name="([^"]*)"[^>]*>/g)) form.set(name, input.match(/ value="([^"]*)"/)?.[1] ?? '')
    if (form.has('secret')) {
      form.set('key', set.person.id)
      form.set('secret', set.person.secret)
    }
    url = new URL(action[1], url)
  }
  throw new Error('the pages lead nowhere')
}

const key = await crypto.subtle.importKey('jwk', set.key, { name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign'])
const web = await client.discovery(new URL(set.issuer), set.web.id, grace, client.ClientSecretBasic(set.web.secret), open)
const app = await client.discovery(new URL(set.issuer), set.app.id, grace, client.None(), { ...open, algorithm: 'oauth2' })
const signed = await client.discovery(new URL(set.issuer), set.signed.id, grace, client.PrivateKeyJwt({ key, kid: set.key.kid }), open)

async function ask(config, more, options, pushed) {
  const verifier = client.randomPKCECodeVerifier()
  const [state, nonce] = [client.randomState(), client.randomNonce()]
  const parameters = { redirect_uri: set.redirect, scope: 'openid email documents:read', code_challenge: await client.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256', state, nonce, ...more }
  const url = pushed ? await client.buildAuthorizationUrlWithPAR(config, parameters, options) : client.buildAuthorizationUrl(config, parameters)
  const back = await browse(url)
  return client.authorizationCodeGrant(config, back, { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce, idTokenExpected: true }, undefined, options)
}
const documents = (config, tokens, options) =>
  client.fetchProtectedResource(config, tokens.access_token, new URL('/v1/documents', set.issuer), 'GET', undefined, undefined, options)

await verdict('logs in with PKCE, state, nonce and iss, and the API takes the token', async () => {
  const tokens = await ask(web)
  must((await documents(web, tokens)).status === 200, 'the API refuses it')
  const info = await client.fetchUserInfo(web, tokens.access_token, tokens.claims().sub)
  must(info.email === 'mara@test.example', JSON.stringify(info))
  const next = await client.refreshTokenGrant(web, tokens.refresh_token)
  must(next.refresh_token && next.refresh_token !== tokens.refresh_token, 'the refresh token did not rotate')
  must((await client.tokenIntrospection(web, next.access_token)).active, 'not active')
  await client.tokenRevocation(web, next.refresh_token)
  must(!(await client.tokenIntrospection(web, next.refresh_token)).active, 'active after its revocation')
})

await verdict('refuses what the server says when a code comes twice', async () => {
  const verifier = client.randomPKCECodeVerifier()
  const back = await browse(client.buildAuthorizationUrl(web, { redirect_uri: set.redirect, scope: 'documents:read', code_challenge: await client.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256' }))
  await client.authorizationCodeGrant(web, back, { pkceCodeVerifier: verifier })
  const again = await client.authorizationCodeGrant(web, back, { pkceCodeVerifier: verifier }).catch((e) => e)
  must(again.error === 'invalid_grant', `the second time: ${again.error}`)
})

await verdict('pushes requests and proves itself by private_key_jwt', async () => {
  const tokens = await ask(signed, {}, undefined, true)
  must((await documents(signed, tokens)).status === 200, 'the API refuses the token')
  must((await client.refreshTokenGrant(signed, tokens.refresh_token)).access_token, 'no refresh')
  must((await client.clientCredentialsGrant(signed, { scope: 'documents:read' })).access_token, 'no token for itself')
})

await verdict('binds tokens by DPoP, with the nonces of the server, from the pushed request on', async () => {
  for (const [config, pushed] of [[app, false], [signed, true]]) {
    const DPoP = client.getDPoPHandle(config, await client.randomDPoPKeyPair('ES256'))
    const tokens = await ask(config, {}, { DPoP }, pushed)
    must(tokens.token_type === 'dpop', tokens.token_type)
    must((await documents(config, tokens, { DPoP })).status === 200, 'the API refuses the token with its proof')
    const bare = await fetch(new URL('/v1/documents', set.issuer), { headers: { authorization: `Bearer ${tokens.access_token}` } })
    must(bare.status === 401, 'the API takes a bound token from anybody')
    const next = await client.refreshTokenGrant(config, tokens.refresh_token, undefined, { DPoP })
    must((await documents(config, next, { DPoP })).status === 200, 'the API refuses the refreshed token')
    if (config === app) {
      const other = client.getDPoPHandle(config, await client.randomDPoPKeyPair('ES256'))
      const stolen = await client.refreshTokenGrant(config, next.refresh_token, undefined, { DPoP: other }).catch((e) => e)
      must(stolen.error === 'invalid_grant', `with another key: ${stolen.error}`)
    }
  }
})

await verdict('gets tokens by a device code, with DPoP', async () => {
  const DPoP = client.getDPoPHandle(app, await client.randomDPoPKeyPair('ES256'))
  const started = await client.initiateDeviceAuthorization(app, { scope: 'documents:read' })
  await browse(started.verification_uri_complete)
  const tokens = await client.pollDeviceAuthorizationGrant(app, started, undefined, { DPoP })
  must((await documents(app, tokens, { DPoP })).status === 200, 'the API refuses the token')
})

process.exit(failed ? 1 : 0)
