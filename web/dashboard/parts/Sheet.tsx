/** A panel that a button opens below a list: focus goes to its title, and back to the button when it is closed. */
import type { ComponentChildren } from 'preact'
import { useEffect, useId, useRef } from 'preact/hooks'

interface Props {
  title: string
  /** What stands beside the title. */
  tools: ComponentChildren
  children: ComponentChildren
  close: () => void
}

export function Sheet({ title, tools, children, close }: Props) {
  const id = useId()
  const heading = useRef<HTMLHeadingElement>(null)

  useEffect(() => {
    const before = document.activeElement
    heading.current?.focus()
    const sheet = heading.current?.closest('section')
    return () => {
      const focused = document.activeElement
      // Who has gone elsewhere meanwhile stays there.
      const isLeft = focused === null || focused === document.body || sheet?.contains(focused) === true
      if (isLeft && before instanceof HTMLElement && before.isConnected) before.focus()
    }
  }, [])

  return (
    <section class="panel sheet" aria-labelledby={id}>
      <div class="section-head">
        <h3 id={id} ref={heading} tabIndex={-1}>
          {title}
        </h3>
        <div class="actions">
          {tools}
          <button type="button" onClick={close}>
            Close
          </button>
        </div>
      </div>
      {children}
    </section>
  )
}
