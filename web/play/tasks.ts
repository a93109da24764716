/** The to-do list: maps in a shared array, ordered by a rank in each, so that moving one is one change of it. What others wrote there may be anything. */
import * as Y from 'yjs'

/** Of a longer list the first are shown. */
export const tasksMax = 500

/** Longer texts are shown up to here, and not edited. */
export const taskLengthMax = 500

export interface Task {
  /** The same for as long as the entry is there; for this tab only. */
  key: number
  /** The entry; nothing where it is no task and can only be removed. */
  map: Y.Map<unknown> | undefined
  value: unknown
  text: string
  /** Nothing where the text is not one that can be edited here. */
  edited: Y.Text | undefined
  done: boolean
  rank: number
}

export class Tasks {
  readonly shared: Y.Array<unknown>
  /** What was done here, and not by others. */
  readonly undo: Y.UndoManager
  private readonly doc: Y.Doc
  private readonly keys = new WeakMap<object, number>()
  private lastKey = 0

  constructor(doc: Y.Doc) {
    this.doc = doc
    this.shared = doc.getArray('tasks')
    this.undo = new Y.UndoManager(this.shared, { trackedOrigins: new Set([this]) })
  }

  /** In their order, and how many are left out. */
  tasks(): { tasks: Task[]; omitted: number } {
    const tasks = this.shared.slice(0, tasksMax).map((value, index) => this.taskOf(value, index))
    // Equal ranks stay in the order of the array, which is the same for everybody.
    tasks.sort((a, b) => a.rank - b.rank)
    return { tasks, omitted: Math.max(0, this.shared.length - tasksMax) }
  }

  private taskOf(value: unknown, index: number): Task {
    if (!(value instanceof Y.Map)) {
      // Plain values are the same to us where they look the same; their place tells them apart.
      return { key: -1 - index, map: undefined, value, text: 'not a to-do item', edited: undefined, done: false, rank: Number.MAX_VALUE }
    }
    const map = value as Y.Map<unknown>
    const [text, done, rank] = [map.get('text'), map.get('done'), map.get('rank')]
    const edited = text instanceof Y.Text && text.length <= taskLengthMax && text.length === text.toJSON().length ? text : undefined
    return {
      key: this.keyOf(map),
      map,
      value,
      text: edited?.toJSON() ?? shortened(text),
      edited,
      done: done === true,
      rank: typeof rank === 'number' && Number.isFinite(rank) ? rank : Number.MAX_VALUE,
    }
  }

  private keyOf(map: object): number {
    const key = this.keys.get(map) ?? ++this.lastKey
    this.keys.set(map, key)
    return key
  }

  /** One step of its own for undo, where the next typed letters belong to one another. */
  private step(change: () => void): void {
    this.undo.stopCapturing()
    this.doc.transact(change, this)
    this.undo.stopCapturing()
  }

  add(text: string): void {
    const { tasks } = this.tasks()
    const last = Math.max(0, ...tasks.map(task => task.rank).filter(rank => rank < Number.MAX_SAFE_INTEGER))
    const map = new Y.Map<unknown>([
      ['text', new Y.Text(text.slice(0, taskLengthMax))],
      ['done', false],
      ['rank', Math.floor(last) + 1],
    ])
    this.step(() => this.shared.push([map]))
  }

  tick(task: Task, done: boolean): void {
    this.step(() => task.map?.set('done', done))
  }

  /** What differs is replaced, so that two who edit one item at the same time both keep what they typed. */
  edit(task: Task, text: string): void {
    const { edited } = task
    if (edited === undefined) return
    const { at, removed, inserted } = difference(edited.toJSON(), text.slice(0, taskLengthMax))
    if (removed === 0 && inserted === '') return
    this.doc.transact(() => {
      if (removed > 0) edited.delete(at, removed)
      if (inserted !== '') edited.insert(at, inserted)
    }, this)
  }

  remove(task: Task): void {
    const index = this.shared.toArray().indexOf(task.value)
    if (index >= 0) this.step(() => this.shared.delete(index, 1))
  }

  /** Puts a task before the one that is at `place` without it. */
  move(task: Task, place: number): void {
    const { map } = task
    const others = this.tasks().tasks.filter(one => one.map !== undefined && one.key !== task.key)
    if (map === undefined || place < 0 || place > others.length) return
    const [before, after] = [others[place - 1], others[place]]
    const low = before?.rank ?? (after === undefined ? 0 : after.rank - 2)
    const high = after?.rank ?? low + 2
    const rank = low + (high - low) / 2
    this.step(() => {
      if (Number.isSafeInteger(Math.trunc(rank)) && low < rank && rank < high) {
        map.set('rank', rank)
        return
      }
      // Nothing is between them any more, or what stands there is no rank.
      const order = [...others.slice(0, place), task, ...others.slice(place)]
      order.forEach((one, index) => {
        one.map?.set('rank', index + 1)
      })
    })
  }
}

function shortened(text: unknown): string {
  if (text instanceof Y.Text) return text.toJSON().slice(0, taskLengthMax)
  return typeof text === 'string' ? text.slice(0, taskLengthMax) : 'not a to-do item'
}

/** The one stretch in which two texts differ. */
export function difference(from: string, to: string): { at: number; removed: number; inserted: string } {
  const shorter = Math.min(from.length, to.length)
  let at = 0
  while (at < shorter && from[at] === to[at]) at++
  // Never inside a surrogate pair: half of one cannot be stored.
  if (at > 0 && isHigh(from.charCodeAt(at - 1))) at--
  let end = 0
  while (end < shorter - at && from[from.length - 1 - end] === to[to.length - 1 - end]) end++
  if (end > 0 && isLow(from.charCodeAt(from.length - end))) end--
  return { at, removed: from.length - at - end, inserted: to.slice(at, to.length - end) }
}

const isHigh = (unit: number): boolean => unit >= 0xd800 && unit <= 0xdbff
const isLow = (unit: number): boolean => unit >= 0xdc00 && unit <= 0xdfff
