// Unmodified clients inside TLS, on every driver, with a certificate that nobody but they know.
import assert from 'node:assert/strict'
import { execFile, execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { dataFolder, drivers, start } from './lib/server.mjs'

const script = new URL('./lib/edit-inside-tls.mjs', import.meta.url).pathname

for (const driver of drivers) {
  test(`${driver}: clients edit documents of all cores over wss`, { timeout: 120_000 }, async t => {
    const folder = dataFolder(t)
    const [certificate, key] = [join(folder, 'certificate.pem'), join(folder, 'key.pem')]
    execFileSync('openssl', [
      'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj', '/CN=localhost',
      '-addext', 'subjectAltName=DNS:localhost', '-keyout', key, '-out', certificate
    ], { stdio: 'ignore' })
    const settings = { driver, dataDir: join(folder, 'data'), shards: 3, tlsCertificateFile: certificate, tlsKeyFile: key }
    const server = await start(t, settings)
    const url = `wss://localhost:${server.port}/yjs`
    // Node reads whom it trusts once, when it starts.
    const run = env => promisify(execFile)(process.execPath, [script, url], { env: { ...process.env, NODE_TEST_CONTEXT: '', ...env } })
    await run({ NODE_EXTRA_CA_CERTS: certificate }).catch(error => assert.fail(`${error.stdout}${error.stderr}`))
    await assert.rejects(run({ NODE_EXTRA_CA_CERTS: '', SELVEDGE_TEST_WAIT_MS: '2000' }), 'who does not trust the certificate does not connect')
    assert.equal((await server.stop()).code, 0)
  })
}
