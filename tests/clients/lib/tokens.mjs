// Servers that ask for tokens, and what makes tokens for them.
import { createHmac, randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { dataFolder, start } from './server.mjs'

const part = value => Buffer.from(JSON.stringify(value)).toString('base64url')

/** Makes tokens that a secret signs. `documents` is like `{ 'notes/*': 'write' }`, `ttl` in seconds. */
export const issuer = secret => (documents, { sub = 'user-1', ttl = 3_600, admin } = {}) => {
  const exp = Math.floor(Date.now() / 1000) + ttl
  const said = `${part({ alg: 'HS256', typ: 'JWT' })}.${part({ sub, exp, selvedge: { documents, admin } })}`
  return `${said}.${createHmac('sha256', secret).update(said).digest('base64url')}`
}

/** A server with a secret, and what makes tokens for it. */
export async function guarded (t, settings = {}) {
  const dataDir = dataFolder(t)
  const secret = randomBytes(32).toString('hex')
  const [secretFile, revoked] = [join(dataDir, 'secret'), join(dataDir, 'revoked')]
  writeFileSync(secretFile, secret + '\n')
  writeFileSync(revoked, '')
  const server = await start(t, {
    dataDir: join(dataDir, 'data'), shards: 3, authSecretFile: secretFile, authRevokedFile: revoked, authLeewayMs: 0, ...settings
  })
  return { server, issue: issuer(secret), revoke: sub => writeFileSync(revoked, sub + '\n') }
}
