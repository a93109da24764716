// What others put into awareness and document may be anything: the playground shows what it can, and goes on.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as Y from 'yjs'
import { provider, saved, socket, urlOf } from '../clients/lib/hocuspocus.mjs'
import { dataFolder, start } from '../clients/lib/server.mjs'
import { somebody } from './lib/browser.mjs'
import { playground } from './lib/playground.mjs'
import { eventually } from './lib/wait.mjs'

const TEST_MS = 180_000

/** A tab, and a client that says what it likes. */
async function beside (t) {
  const server = await start(t, { dataDir: dataFolder(t), shards: 2, awarenessStateBytesMax: 65_536 })
  const person = await somebody(t)
  const tab = await playground(person, server)
  await tab.stands('saved')
  const hostile = () => provider(t, socket(t, urlOf(server)), 'playground')
  const other = hostile()
  await saved(other)
  return { server, person, tab, other, hostile }
}

/** It still works, both ways. */
async function works (tab, other) {
  await tab.type('still here')
  await eventually(() => other.document.getText('text').toString().includes('still here'), true)
  await tab.stands('saved')
}

test('names, colours and positions of others change nothing but what they are for', { timeout: TEST_MS }, async t => {
  const { tab, other } = await beside(t)
  await tab.type('some text ')
  const item = { client: other.document.clientID, clock: 0 }
  const at = (...parts) => Object.assign({}, ...parts)
  const cursors = [
    null, 7, 'x', [], {}, { anchor: 1, head: null }, { anchor: { item: { client: 'NaN', clock: null } }, head: {} },
    { anchor: { item: { client: -1, clock: 1e308 } }, head: { item } }, { anchor: { tname: 'made up' }, head: { tname: 'made up' } },
    { anchor: at({ item }, { assoc: 1e9 }), head: at({ type: item }, { tname: 'text' }) }, { anchor: { tname: 'text' }, head: { tname: 'text', item: { client: 2 ** 60, clock: 0 } } },
    { anchor: { item: { client: 1, clock: 9_007_199_254_740_991 } }, head: { tname: 'text' } }
  ]
  const states = [
    ...cursors.map(cursor => ({ user: { name: 'a', color: '#123456' }, cursor, pointer: cursor, place: cursor })),
    { user: { name: '<img src=x onerror=alert(1)>'.repeat(360), color: 'red; background: url(//evil.example/x)' }, place: 'text', cursor: { anchor: { tname: 'text' }, head: { tname: 'text' } } },
    { user: { name: '\u202eevil\u0000\n\n\u2067name', color: 'url(http://evil.example/)' }, pointer: { x: null, y: 'NaN' } },
    { user: { name: { toString: 'x' }, color: ['#123456'] }, pointer: { x: -1e308, y: 1e308 } },
    { user: 'nobody' }, { user: null, place: { toString: 1 } }, { user: [], __proto__: { polluted: true } }, [], 'text', 42, true
  ]
  for (const state of states) {
    other.awareness.setLocalState(state)
    // What follows is seen: so this was.
    const name = `seen ${states.indexOf(state)}`
    other.awareness.setLocalState({ user: { name, color: '#00ff00' } })
    await tab.page.getByRole('list', { name: 'Who else is here' }).getByText(name, { exact: true }).waitFor()
  }
  other.awareness.setLocalState(states.find(state => state.user?.name?.length > 9_000))
  const shown = tab.page.getByRole('list', { name: 'Who else is here' }).locator('.name')
  assert.match(await eventually(() => shown.textContent(), name => name.startsWith('<img')), /^.{40}$/)
  // The editor has pictures of its own, without a source.
  assert.equal(await tab.page.locator('img[src], img[onerror]').count(), 0)
  await eventually(() => tab.page.locator('.people li .avatar').evaluate(dot => dot.style.background), color => /^rgb\(\d+, \d+, \d+\)$/.test(color))
  other.awareness.setLocalState({ user: { name: '\u202eevil\u0000\n\u2067name' } })
  await eventually(() => shown.textContent(), 'evilname')
  await works(tab, other)
})

test('more others than fit are a number', { timeout: TEST_MS }, async t => {
  const { tab, hostile } = await beside(t)
  const many = Array.from({ length: 20 }, hostile)
  await saved(...many)
  for (const one of many) one.setAwarenessField('user', { name: 'one of many' })
  await tab.page.getByText(/and \d+ more/).waitFor()
  await works(tab, many[0])
})

test('a document full of what does not belong there is shown as far as it makes sense', { timeout: TEST_MS }, async t => {
  const { server, person, tab, other } = await beside(t)
  const { document } = other
  await tab.addTask('the good one')
  await tab.draw([0.1, 0.1], [0.4, 0.1])
  await eventually(() => document.getArray('strokes').length, 1)
  const nested = depth => depth === 0 ? new Y.Map() : new Y.Array([]).constructor.from([nested(depth - 1)])
  document.transact(() => {
    const map = entries => new Y.Map(Object.entries(entries))
    document.getArray('tasks').push([
      1, null, 'text', [1, 2], { text: 'x' }, new Uint8Array(3), new Y.Text('x'), nested(50), map({}), map({ text: 7, done: 'yes', rank: 'first' }),
      map({ text: new Y.Text('y'.repeat(100_000)), rank: Number.NaN }), map({ text: new Y.Map(), rank: -Infinity }), map({ text: '<b>bold</b>', done: {}, rank: 1e308 })
    ])
    document.getArray('strokes').push([
      0, 'stroke', null, new Y.Map(), map({ points: 1 }), map({ points: Y.Array.from(['x', {}, null]) }), map({ points: Y.Array.from([1]) }),
      map({ points: Y.Array.from([1e308, -1e308, Number.NaN, 5]), color: 'url(x)', width: Infinity }), map({ points: new Y.Map(), color: [] }),
      map({ points: Y.Array.from([1600, 1000, 0, 0]), color: '#ff00ff', width: -4 })
    ])
  })
  // A root that is another type elsewhere.
  const another = new Y.Doc()
  another.getMap('tasks').set('key', 'value')
  another.getText('strokes').insert(0, 'strokes')
  another.getArray('text').push([1, { a: 2 }])
  another.getArray('text').delete(0, 2)
  Y.applyUpdate(document, Y.encodeStateAsUpdate(another))
  await saved(other)
  await eventually(async () => (await tab.taskTexts()).filter(text => text === '<b>bold</b>').length, 1)
  assert.ok((await tab.taskTexts()).includes('the good one'))
  await eventually(() => tab.strokes(), count => count >= 2)
  await eventually(() => tab.ink([0.5, 0.5]), true)
  await works(tab, other)
  // It can be tidied up.
  while (await tab.tasks.count() > 1) {
    const before = await tab.tasks.count()
    await tab.tasks.filter({ hasNot: tab.page.getByLabel('Done: the good one') }).first().locator('.delete').click()
    await eventually(() => tab.tasks.count(), before - 1)
  }
  // And it is the same for who opens it now.
  const late = await playground(person, server)
  await late.stands('saved')
  await late.shows(/still here/)
  assert.deepEqual(await late.taskTexts(), ['the good one'])
})

test('a stroke of a million points, and a thousand items, stop nobody', { timeout: TEST_MS }, async t => {
  const { server, person, tab, other } = await beside(t)
  const { document } = other
  const points = new Y.Array()
  document.getArray('strokes').push([new Y.Map([['points', points], ['color', 'red'], ['width', 8]])])
  const some = Array.from({ length: 20_000 }, (_, index) => index % 2 === 0 ? index % 1600 : index % 1000)
  document.transact(() => { for (let n = 0; n < 50; n++) points.push(some) })
  document.getArray('tasks').push(Array.from({ length: 1_000 }, (_, index) => new Y.Map([['text', new Y.Text(`item ${index}`)], ['rank', index]])))
  await saved(other)
  await eventually(() => tab.strokes(), 1)
  await eventually(() => tab.tasks.count(), 500)
  await tab.page.getByText('500 more are not').waitFor()
  await tab.draw([0.1, 0.5], [0.4, 0.5])
  await eventually(() => document.getArray('strokes').length, 2)
  await works(tab, other)
  const late = await playground(person, server)
  await late.stands('saved')
  await eventually(() => late.strokes(), 2)
})

test('a text that is not only characters is shown, and edited again when it is', { timeout: TEST_MS }, async t => {
  const { tab, other } = await beside(t)
  const text = other.document.getText('text')
  await tab.type('plain')
  await eventually(() => text.toString(), 'plain')
  text.insertEmbed(2, { image: 'x' })
  await tab.page.getByText('cannot be edited here').waitFor()
  await tab.page.locator('.foreign pre').getByText('plain').waitFor()
  text.insert(6, ' words')
  await tab.page.locator('.foreign pre').getByText('plain words').waitFor()
  text.delete(2, 1)
  await tab.shows('plain words')
  // Carriage returns and bold letters are text like any other.
  text.insert(0, 'a\r\nb\r')
  text.format(0, 3, { bold: true })
  await works(tab, other)
  assert.equal(text.toString(), 'a\r\nb\rplain wordsstill here')
})
