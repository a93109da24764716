// Run as a process of its own, which trusts what NODE_EXTRA_CA_CERTS says: unmodified clients meet on some documents, at the address given.
import { test } from 'node:test'
import { converged, provider, synced, until } from './clients.mjs'

const url = process.argv[2]
const text = doc => doc.getText('text').toString()

test('clients inside TLS edit documents together', { timeout: 180_000 }, async t => {
  for (let n = 0; n < 8; n++) {
    const [a, b] = [provider(t, url, `inside ${n}`), provider(t, url, `inside ${n}`)]
    await synced(a, b)
    a.doc.getText('text').insert(0, 'hello ')
    await until(() => text(b.doc) === 'hello ', 'the first words')
    b.doc.getText('text').insert(6, 'wörld '.repeat(40_000))
    a.awareness.setLocalState({ name: 'a' })
    await until(() => b.awareness.getStates().get(a.doc.clientID)?.name === 'a', 'who is there')
    await converged([a.doc, b.doc], text)
    const late = provider(t, url, `inside ${n}`)
    await synced(late)
    // What was on its way to the disk when it came, it is sent after that.
    await converged([a.doc, late.doc], text)
  }
})
