// A seeded source of randomness, so that what failed can be done again.

export function randomFrom (seed) {
  let state = seed >>> 0
  const next = () => {
    // mulberry32
    state = (state + 0x6d2b79f5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return (t ^ (t >>> 14)) >>> 0
  }
  return {
    below: limit => next() % limit,
    chance: (wanted, of) => next() % of < wanted,
    pick: list => list[next() % list.length]
  }
}

/** From the environment, or new; printed, because a failure is worth nothing without it. */
export function seedOf (t) {
  const seed = Number(process.env.SELVEDGE_TEST_SEED ?? Date.now() % 0xffffffff)
  t.diagnostic(`seed ${seed}; again with SELVEDGE_TEST_SEED=${seed}`)
  return seed
}
