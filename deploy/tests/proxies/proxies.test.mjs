// The examples for nginx and HAProxy as they are in the tree, but for ports and servers.
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { provider as yProvider, synced, until } from '../../../tests/clients/lib/clients.mjs'
import { provider, saved, socket } from '../../../tests/clients/lib/hocuspocus.mjs'
import { dataFolder, start } from '../../../tests/clients/lib/server.mjs'

const deploy = new URL('../../', import.meta.url).pathname
const DOCUMENTS = 16

/** A port that is free now. */
const freePort = () => new Promise(resolve => {
  const server = createServer().listen(0, '127.0.0.1', () => {
    const { port } = server.address()
    server.close(() => resolve(port))
  })
})

/** Replaces what has to be there. */
const filled = (text, replacements) => replacements.reduce((text, [from, to]) => {
  assert.ok(text.includes(from), `the example has no ${from}`)
  return text.replace(from, to)
}, text)

const proxies = {
  nginx: (folder, port, [one, two]) => {
    const site = filled(readFileSync(join(deploy, 'nginx/selvedge.conf'), 'utf8'), [
      ['listen 8080;', `listen 127.0.0.1:${port};`],
      ['server 127.0.0.1:8420;', `server 127.0.0.1:${one.port};`],
      ['#server 10.0.0.2:8420;', `server 127.0.0.1:${two.port};`]
    ])
    // One process: workers would outlive a master that is killed, and hold the output open.
    writeFileSync(join(folder, 'nginx.conf'), `daemon off; master_process off; pid ${folder}/pid; error_log stderr; events {} http { access_log off; ` +
      ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(name => `${name}_temp_path ${folder}/${name};`).join(' ') + `\n${site}\n}`)
    return { check: ['nginx', '-t', '-c', `${folder}/nginx.conf`], run: ['nginx', '-c', `${folder}/nginx.conf`] }
  },
  haproxy: (folder, port, [one, two]) => {
    writeFileSync(join(folder, 'haproxy.cfg'), filled(readFileSync(join(deploy, 'haproxy/haproxy.cfg'), 'utf8'), [
      ['maxconn 100000', 'maxconn 1000'],
      ['bind :8080', `bind 127.0.0.1:${port}`],
      ['server one 127.0.0.1:8420 check', `server one 127.0.0.1:${one.port} check`],
      ['#server two 10.0.0.2:8420 check', `server two 127.0.0.1:${two.port} check`]
    ]))
    return { check: ['haproxy', '-c', '-f', `${folder}/haproxy.cfg`], run: ['haproxy', '-db', '-f', `${folder}/haproxy.cfg`] }
  }
}

for (const [name, configure] of Object.entries(proxies)) {
  test(`${name}: each document has one home, whichever way its clients come`, { timeout: 120_000 }, async t => {
    const folder = mkdtempSync(join(tmpdir(), 'selvedge-proxy-'))
    t.after(() => rmSync(folder, { recursive: true, force: true }))
    const settings = { trustedProxies: '127.0.0.1/32' }
    const servers = [await start(t, { ...settings, dataDir: dataFolder(t) }), await start(t, { ...settings, dataDir: dataFolder(t) })]
    const port = await freePort()
    const { check, run } = configure(folder, port, servers)
    const checked = spawnSync(check[0], check.slice(1), { encoding: 'utf8' })
    assert.equal(checked.status, 0, checked.stderr)
    assert.doesNotMatch(checked.stderr, /\[(WARNING|warn)/i, checked.stderr)
    const proxy = spawn(run[0], run.slice(1), { stdio: ['ignore', 'inherit', 'inherit'] })
    const ended = once(proxy, 'exit')
    t.after(() => { proxy.kill('SIGKILL'); return ended })
    await until(() => fetch(`http://127.0.0.1:${port}/yjs/x`).then(response => response.status === 426 || response.status === 400, () => false), 'the proxy')

    const names = Array.from({ length: DOCUMENTS }, (_, number) => `notes/${number} ü`)
    const homes = await Promise.all(names.map(async name => {
      const writer = yProvider(t, `ws://127.0.0.1:${port}/yjs`, encodeURIComponent(name))
      const address = `ws://127.0.0.1:${port}/hocuspocus?document=${encodeURIComponent(name)}`
      const reader = provider(t, socket(t, address), name)
      await synced(writer)
      await saved(reader)
      writer.doc.getText('text').insert(0, `this is ${name}`)
      await until(() => reader.document.getText('text').toString() === `this is ${name}`, `${name} at both ends`)
      // Asked directly, one server has it and the other does not.
      const found = await Promise.all(servers.map(async server => {
        const one = yProvider(t, server.url, encodeURIComponent(name))
        await synced(one)
        return one.doc.getText('text').toString() !== ''
      }))
      assert.deepEqual([...found].sort(), [false, true], name)
      return found.indexOf(true)
    }))
    assert.deepEqual([...new Set(homes)].sort(), [0, 1], 'both servers have documents')
    assert.equal((await fetch(`http://127.0.0.1:${port}/healthz`)).status, 404, 'only clients come through')
  })
}
