/** The last refusals, as they happen. Bounded: the oldest go. While it is paused the list stands still, and what comes is kept for later. */
import { computed, signal } from '@preact/signals'
import type { Fields } from '../api/fields'

export const entriesMax = 500

export interface Refusal {
  /** Unique on this page. */
  id: number
  atMs: number
  reason: string
  detail: string
  user: string
  address: string
}

/** How often the list changes at most: somebody who attacks makes thousands of refusals a second. */
const paceMs = 250

let last = 0
let gathered: Refusal[] = []
let timer: ReturnType<typeof setTimeout> | null = null
const all = signal<readonly Refusal[]>([])
const frozen = signal<readonly Refusal[] | null>(null)

export const isPaused = computed(() => frozen.value !== null)

/** The newest first. */
export const shown = computed(() => frozen.value ?? all.value)

/** How many came while it stood still, as far as they are kept. */
export const waiting = computed(() => {
  if (frozen.value === null) return 0
  const newest = frozen.value[0]?.id ?? 0
  return all.value.filter(entry => entry.id > newest).length
})

export function pause(): void {
  frozen.value = all.value
}

export function resume(): void {
  frozen.value = null
}

export function clear(): void {
  all.value = []
  if (frozen.value !== null) frozen.value = []
}

export function add(event: Fields, nowMs: number): void {
  const entry: Refusal = {
    id: ++last,
    atMs: event.time('time') ?? nowMs,
    reason: event.text('reason') ?? '',
    detail: event.text('detail', 400) ?? '',
    user: event.name('subject') ?? '',
    address: event.text('address') ?? '',
  }
  gathered.push(entry)
  if (gathered.length > entriesMax) gathered.shift()
  timer ??= setTimeout(() => {
    timer = null
    all.value = [...gathered.reverse(), ...all.value].slice(0, entriesMax)
    gathered = []
  }, paceMs)
}

/** Whether an entry has all the words, in whatever part. */
export function matches(entry: Refusal, words: string): boolean {
  const text = `${entry.reason} ${entry.detail} ${entry.user} ${entry.address}`.toLowerCase()
  return words
    .toLowerCase()
    .split(/\s+/)
    .every(word => text.includes(word))
}
