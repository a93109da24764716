/** Whether somebody may be looking at the page. Knows nothing of what is on it. */
import { signal } from '@preact/signals'

/** Who looks at another tab for a moment has not gone. */
const graceMs = 10_000

// A page that is opened in a tab behind others has not been looked at yet.
export const isWatched = signal(!document.hidden)

let timer: ReturnType<typeof setTimeout> | undefined

document.addEventListener('visibilitychange', () => {
  clearTimeout(timer)
  if (document.hidden) {
    timer = setTimeout(() => {
      isWatched.value = false
    }, graceMs)
  } else {
    isWatched.value = true
  }
})
