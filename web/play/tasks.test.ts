import { expect, test } from 'vitest'
import * as Y from 'yjs'
import { difference, type Task, Tasks } from './tasks'

const texts = (list: Tasks) => list.tasks().tasks.map(task => task.text)
const both = (a: Y.Doc, b: Y.Doc) => {
  Y.applyUpdate(b, Y.encodeStateAsUpdate(a))
  Y.applyUpdate(a, Y.encodeStateAsUpdate(b))
}

function listOf(...items: string[]) {
  const doc = new Y.Doc()
  const list = new Tasks(doc)
  for (const item of items) list.add(item)
  const move = (text: string, place: number) => {
    const task = list.tasks().tasks.find(one => one.text === text)
    if (task) list.move(task, place)
  }
  return { doc, list, move }
}

test('an item goes where it is moved, as often as it is moved', () => {
  const { list, move } = listOf('a', 'b', 'c')
  move('c', 0)
  expect(texts(list)).toEqual(['c', 'a', 'b'])
  move('c', 2)
  expect(texts(list)).toEqual(['a', 'b', 'c'])
  // Between the same two until no number is left between them, and further.
  for (let n = 0; n < 200; n++) {
    const last = texts(list)[2] ?? ''
    move(last, 1)
    expect(texts(list)[1]).toBe(last)
  }
  move('a', 3)
  move('a', -1)
  expect(texts(list)[0]).toBe('a')
})

test('what two do to one item apart, moving and editing, both happens', () => {
  const [one, other] = [listOf('a', 'b', 'c'), listOf()]
  both(one.doc, other.doc)
  one.move('c', 0)
  const [first, , last] = other.list.tasks().tasks
  if (first && last) {
    other.list.edit(last, 'c, edited')
    other.list.tick(first, true)
  }
  one.list.add('from one')
  other.list.add('from other')
  both(one.doc, other.doc)
  expect(texts(one.list)).toEqual(texts(other.list))
  expect(texts(one.list).slice(0, 3)).toEqual(['c, edited', 'a', 'b'])
  expect(texts(one.list)).toHaveLength(5)
})

test('ranks that are no numbers are put in order by the next move', () => {
  const { doc, list, move } = listOf('a')
  for (const rank of [Number.NaN, 'x', Infinity])
    doc.getArray('tasks').push([
      new Y.Map<unknown>([
        ['text', new Y.Text(`${rank}`)],
        ['rank', rank],
      ]),
    ])
  move('a', 2)
  expect(texts(list)).toEqual(['NaN', 'x', 'a', 'Infinity'])
})

test('a difference turns one text into the other, and splits no character', () => {
  const cases: [string, string][] = [
    ['', 'a'],
    ['abc', 'abc'],
    ['abc', 'aXbc'],
    ['aaaa', 'aa'],
    ['aa', 'aaaa'],
    ['x🧵y', 'x🧶y'],
    ['🧵🧵', '🧵'],
    ['a🧵', 'a🧵🧶'],
  ]
  for (const [from, to] of cases) {
    const { at, removed, inserted } = difference(from, to)
    expect(from.slice(0, at) + inserted + from.slice(at + removed)).toBe(to)
    for (const part of [from.slice(0, at), inserted, from.slice(at + removed)]) expect(part).toBe(Buffer.from(part).toString())
  }
})

test('undo takes back what was done here, one thing after the other, and nothing of others', () => {
  const [one, other] = [listOf('a', 'b', 'c'), listOf()]
  both(one.doc, other.doc)
  one.list.undo.clear()
  const at = (list: Tasks, index: number) => list.tasks().tasks[index] as Task
  one.list.edit(at(one.list, 0), 'a1')
  one.list.edit(at(one.list, 0), 'a12')
  one.list.tick(at(one.list, 1), true)
  one.list.remove(at(one.list, 2))
  one.move('a12', 1)
  both(one.doc, other.doc)
  other.list.edit(at(other.list, 0), 'b of the other')
  other.list.add('d of the other')
  both(one.doc, other.doc)
  const shown = () => one.list.tasks().tasks.map(task => `${task.text}${task.done ? ', done' : ''}`)
  const steps = [
    ['a12', 'b of the other, done', 'd of the other'],
    ['a12', 'b of the other, done', 'c', 'd of the other'],
    ['a12', 'b of the other', 'c', 'd of the other'],
    ['a', 'b of the other', 'c', 'd of the other'],
  ]
  expect(shown()).toEqual(['b of the other, done', 'a12', 'd of the other'])
  for (const step of steps) {
    one.list.undo.undo()
    expect(shown()).toEqual(step)
  }
  expect(one.list.undo.canUndo()).toBe(false)
  both(one.doc, other.doc)
  expect(texts(other.list)).toEqual(texts(one.list))
})
