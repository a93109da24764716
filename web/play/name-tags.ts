/** Whose name is shown at a caret: of those who have just moved, since names stand on the text that others read. Knows nothing of the editor. */
import type { Peer } from './peers'

/** So long after a caret has moved. */
export const namedMs = 2_000

export class NameTags {
  private moved = new Map<number, { cursor: string; at: number }>()

  /** Who is named now, and in how many milliseconds that changes; nothing where it does not. */
  of(peers: Pick<Peer, 'id' | 'cursor'>[], now: number): { named: Set<number>; nextMs: number | undefined } {
    const moved = new Map<number, { cursor: string; at: number }>()
    for (const { id, cursor } of peers) {
      if (cursor === undefined) continue
      const shown = JSON.stringify(cursor)
      const before = this.moved.get(id)
      moved.set(id, before?.cursor === shown ? before : { cursor: shown, at: now })
    }
    // Who has gone is forgotten.
    this.moved = moved
    const rests = [...moved].map(([id, { at }]) => ({ id, rest: at + namedMs - now })).filter(({ rest }) => rest > 0)
    const nextMs = rests.length === 0 ? undefined : Math.min(...rests.map(({ rest }) => rest))
    return { named: new Set(rests.map(({ id }) => id)), nextMs }
  }
}
