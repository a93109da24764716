// Who is here, and what they write: many of them, in scripts that read from right to left, and what one takes back.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { provider, saved, socket, urlOf } from '../clients/lib/hocuspocus.mjs'
import { dataFolder, start } from '../clients/lib/server.mjs'
import { accessible, fits, somebody } from './lib/browser.mjs'
import { playground } from './lib/playground.mjs'
import { eventually } from './lib/wait.mjs'

const TEST_MS = 180_000

/** Puts somebody's caret before a letter that one tab alone has typed. */
function select (other, clock) {
  const [client] = other.document.store.clients.keys()
  const at = { item: { client, clock }, assoc: 0 }
  other.setAwarenessField('cursor', { anchor: at, head: at })
}

/** A tab, and others beside it. */
async function among (t, count, options) {
  const server = await start(t, { dataDir: dataFolder(t), shards: 2 })
  const tab = await playground(await somebody(t, options), server)
  await tab.stands('saved')
  const others = Array.from({ length: count }, () => provider(t, socket(t, urlOf(server)), 'playground'))
  await saved(...others)
  for (const [index, one] of others.entries()) one.awareness.setLocalState({ user: { name: `Person ${index + 1}`, color: '#1a5fb4' }, place: 'text' })
  return { tab, others }
}

test('on a narrow page twelve others are one row, which scrolls', { timeout: TEST_MS }, async t => {
  const { tab } = await among(t, 12, { viewport: { width: 375, height: 740 }, hasTouch: true, isMobile: true })
  const list = tab.page.getByRole('list', { name: 'Who else is here' })
  await eventually(() => list.getByRole('listitem').count(), 12)
  const { height } = await tab.page.locator('.people').boundingBox()
  assert.ok(height < 60, `${height} pixels`)
  await fits(tab.page)
  const last = list.getByText('Person 12', { exact: true })
  await last.scrollIntoViewIfNeeded()
  const { x, width } = await last.boundingBox()
  assert.ok(x >= 0 && x + width <= 375, `from ${x}, ${width} wide`)
  assert.equal(await list.evaluate(row => row.tabIndex), 0)
  await accessible(tab.page, 'a row of people')
})

test('a name stands beside a caret after each move, and then leaves the text alone', { timeout: TEST_MS }, async t => {
  const { tab, others: [other] } = await among(t, 1)
  await tab.type('some words')
  await eventually(() => other.document.getText('text').toString(), 'some words')
  const name = tab.editor.locator('.peer-caret .peer-name')
  select(other, 2)
  await name.waitFor({ state: 'visible' })
  await name.waitFor({ state: 'hidden' })
  // What else they do is no move.
  other.setAwarenessField('place', 'board')
  await tab.page.getByText('at the board').waitFor()
  assert.equal(await name.isVisible(), false)
  select(other, 4)
  await name.waitFor({ state: 'visible' })
  await name.waitFor({ state: 'hidden' })
  // Who wants to know points at it.
  await tab.editor.locator('.peer-caret').hover()
  await name.waitFor({ state: 'visible' })
})

test('the panel with one\'s own name closes when the focus leaves it', { timeout: TEST_MS }, async t => {
  const { tab } = await among(t, 0)
  const field = tab.page.getByLabel('Your name')
  await tab.page.locator('.myself summary').click()
  await field.click()
  // Between its fields.
  await tab.page.locator('.myself .panel').click({ position: { x: 4, y: 4 } })
  await tab.page.locator('.panel').getByLabel('Violet').check()
  assert.equal(await field.isVisible(), true)
  await tab.editor.click()
  await field.waitFor({ state: 'hidden' })
  await tab.page.locator('.myself summary').click()
  await field.focus()
  await tab.page.keyboard.press('Shift+Tab')
  await tab.page.keyboard.press('Shift+Tab')
  await field.waitFor({ state: 'hidden' })
})

test('lines, items and names read in their own direction', { timeout: TEST_MS }, async t => {
  const { tab, others: [other] } = await among(t, 1)
  await tab.editor.focus()
  await tab.page.keyboard.insertText('left to right\nשלום עולם\n123 مرحبا\n')
  const directions = () => tab.editor.locator('.cm-line').evaluateAll(lines => lines.map(line => getComputedStyle(line).direction))
  await eventually(directions, ['ltr', 'rtl', 'rtl', 'ltr'])
  // Nor does the name of somebody in it turn a line.
  await eventually(() => other.document.getText('text').length, length => length > 0)
  select(other, 'left to right\n'.length)
  await tab.editor.locator('.cm-line:nth-child(2) .peer-caret').waitFor()
  assert.deepEqual(await directions(), ['ltr', 'rtl', 'rtl', 'ltr'])
  // The arrow to the left goes on in such a line.
  await tab.page.keyboard.press('ControlOrMeta+Home')
  await tab.page.keyboard.press('ArrowDown')
  await tab.page.keyboard.press('Home')
  await tab.page.keyboard.press('ArrowLeft')
  await tab.page.keyboard.type('+')
  await eventually(() => other.document.getText('text').toString(), text => text.includes('ש+לום'))
  await tab.addTask('חלב')
  await eventually(() => tab.tasks.first().locator('.task-text').evaluate(field => getComputedStyle(field).direction), 'rtl')
})

test('in the list each item has a number, is as high as it is long, and what was done is taken back', { timeout: TEST_MS }, async t => {
  const { tab, others: [other] } = await among(t, 1)
  const undo = tab.page.getByRole('button', { name: 'Undo in the list' })
  assert.equal(await undo.isDisabled(), true)
  await tab.addTask('wool')
  await tab.addTask('long '.repeat(90).trim())
  const fields = [1, 2].map(number => tab.page.getByLabel(`Item ${number}`, { exact: true }))
  const [short, long] = await Promise.all(fields.map(field => field.boundingBox()))
  assert.ok(long.height > 3 * short.height, `${long.height} and ${short.height} pixels`)
  assert.ok(await fields[1].evaluate(field => field.scrollHeight <= field.clientHeight), 'nothing of it is hidden')
  // It is one line all the same.
  await fields[0].focus()
  // A page that is busy may take the focus after the key.
  await eventually(async () => {
    await tab.page.keyboard.press('End')
    return fields[0].evaluate(field => field.selectionStart)
  }, 'wool'.length)
  await tab.page.keyboard.insertText(' and\n  silk')
  await eventually(async () => (await tab.taskTexts())[0], 'wool and silk')
  await tab.page.keyboard.press('Enter')
  await tab.page.keyboard.type('not added yet')
  assert.equal(await tab.page.getByLabel('New item').inputValue(), 'not added yet')
  // Its own undo is the field's.
  await tab.page.keyboard.press('ControlOrMeta+z')
  assert.equal((await tab.taskTexts())[0], 'wool and silk')

  await tab.page.getByLabel('Delete wool and silk').click()
  await eventually(() => tab.tasks.count(), 1)
  other.document.getArray('tasks').get(0).set('done', true)
  await undo.click()
  await eventually(async () => (await tab.taskTexts())[0], 'wool and silk')
  await fields[0].focus()
  await tab.page.keyboard.press('ControlOrMeta+z')
  await eventually(async () => (await tab.taskTexts())[0], 'wool')
  for (let n = 0; n < 2; n++) await undo.click()
  await eventually(() => tab.tasks.count(), 0)
  assert.equal(await undo.isDisabled(), true)
  assert.equal(await tab.page.evaluate(() => document.activeElement.id), 'new-task')
  await tab.stands('saved')
})

test('where the system chooses the colours, pens and people keep theirs', { timeout: TEST_MS }, async t => {
  const { tab, others: [other] } = await among(t, 1, { forcedColors: 'active' })
  await tab.type('some words')
  await eventually(() => other.document.getText('text').toString(), 'some words')
  select(other, 4)
  const colors = (locator, property) => locator.evaluateAll((all, name) => [...new Set(all.map(one => getComputedStyle(one)[name]))], property)
  await tab.editor.locator('.peer-caret').waitFor()
  assert.equal((await colors(tab.page.locator('.pens .swatch'), 'backgroundColor')).length, 6)
  assert.deepEqual(await colors(tab.page.locator('.people li .avatar'), 'backgroundColor'), ['rgb(26, 95, 180)'])
  assert.deepEqual(await colors(tab.editor.locator('.peer-caret .peer-name'), 'backgroundColor'), ['rgb(26, 95, 180)'])
  await tab.editor.focus()
  await tab.page.keyboard.press('ControlOrMeta+a')
  const own = await eventually(() => colors(tab.page.locator('.cm-selectionBackground'), 'backgroundColor'), found => found.length > 0)
  assert.notDeepEqual(own, await colors(tab.page.locator('.editor'), 'backgroundColor'))
})
