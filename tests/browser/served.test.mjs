// How the pages and their files are served: with which heads, and nothing else.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { dataFolder, start } from '../clients/lib/server.mjs'

const TEST_MS = 180_000

test('pages are asked for anew, files never, and both are not sent twice', { timeout: TEST_MS }, async t => {
  const { control } = await start(t, { dataDir: dataFolder(t), shards: 1 })
  const assets = new Set()
  for (const page of ['/', '/play', '/play/']) {
    const response = await fetch(control + page)
    assert.equal(response.status, 200, page)
    assert.equal(response.headers.get('content-type'), 'text/html; charset=utf-8')
    assert.equal(response.headers.get('cache-control'), 'no-cache')
    assert.equal(response.headers.get('x-content-type-options'), 'nosniff')
    assert.equal(response.headers.get('referrer-policy'), 'no-referrer')
    const policy = response.headers.get('content-security-policy')
    for (const rule of ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'none'"]) {
      assert.ok(policy.split(/; */).includes(rule), `${page}: ${rule} in ${policy}`)
    }
    assert.doesNotMatch(policy, /unsafe|https?:/)
    const html = await response.text()
    for (const [, asset] of html.matchAll(/(?:src|href)="([^"]+)"/g)) assets.add(asset)
    const again = await fetch(control + page, { headers: { 'if-none-match': response.headers.get('etag') } })
    assert.equal(again.status, 304)
    assert.equal(await again.text(), '')
  }
  assert.ok(assets.size >= 5)
  for (const asset of assets) {
    assert.match(asset, /^\/assets\/[\w.-]+-[\w-]{8}\.(?:js|css|svg)$/)
    const response = await fetch(control + asset)
    assert.equal(response.status, 200, asset)
    assert.match(response.headers.get('content-type'), /^(?:text\/(?:javascript|css); charset=utf-8|image\/svg\+xml)$/)
    assert.equal(response.headers.get('cache-control'), 'public, max-age=31536000, immutable')
    const text = await response.text()
    assert.doesNotMatch(text, /sourceMappingURL/)
    if (text.length > 10_000) assert.equal(response.headers.get('content-encoding'), 'gzip', asset)
    assert.equal((await fetch(control + asset, { headers: { 'if-none-match': response.headers.get('etag') } })).status, 304)
    assert.equal((await fetch(control + asset, { method: 'HEAD' })).status, 200)
  }
})

test('nothing else is served, and what is not there is a problem', { timeout: TEST_MS }, async t => {
  const { control } = await start(t, { dataDir: dataFolder(t), shards: 1 })
  for (const path of ['/index.html', '/dashboard/index.html', '/assets/', '/assets/nothing.js', '/assets/..%2fplay%2findex.html', '/assets/%2e%2e%2fplay%2findex.html',
    '/assets/%00', '/assets/a/b', '/play/index.html', '/favicon.ico', '/..%2f..%2fetc%2fpasswd']) {
    const response = await fetch(control + path)
    assert.equal(response.status, 404, path)
    assert.equal(response.headers.get('content-type'), 'application/problem+json')
    assert.equal(response.headers.get('content-security-policy'), "default-src 'none'; frame-ancestors 'none'")
    assert.equal((await response.json()).status, 404)
  }
  for (const method of ['POST', 'PUT', 'DELETE']) assert.equal((await fetch(control, { method })).status, 405, method)
})
