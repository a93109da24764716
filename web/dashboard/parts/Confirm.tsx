/** Asks before something is done that others feel. The browser's own dialog: focus stays in it, Escape leaves it. */
import type { ComponentChildren } from 'preact'
import { useEffect, useId, useRef, useState } from 'preact/hooks'

interface Props {
  title: string
  children: ComponentChildren
  /** What the button says that does it. */
  action: string
  isDangerous?: boolean
  /** Does it; what it throws is shown, and the dialog stays. */
  act: () => Promise<void>
  close: () => void
}

export function Confirm({ title, children, action, isDangerous = false, act, close }: Props) {
  const dialog = useRef<HTMLDialogElement>(null)
  const titleId = useId()
  const [isBusy, setBusy] = useState(false)
  const [error, setError] = useState<string | null>(null)

  useEffect(() => {
    const before = document.activeElement
    dialog.current?.showModal()
    return () => {
      // The element that opened it may be gone with what was done.
      if (before instanceof HTMLElement && before.isConnected) before.focus()
    }
  }, [])

  const confirm = async () => {
    setBusy(true)
    setError(null)
    try {
      await act()
      close()
    } catch (failure) {
      setError(failure instanceof Error ? failure.message : 'It failed.')
      setBusy(false)
    }
  }

  return (
    <dialog ref={dialog} class="dialog" aria-labelledby={titleId} onClose={close}>
      <form
        onSubmit={event => {
          event.preventDefault()
          if (!isBusy) void confirm()
        }}
      >
        <h2 id={titleId}>{title}</h2>
        <div class="dialog-text">{children}</div>
        {error !== null && (
          <p class="error" role="alert">
            {error}
          </p>
        )}
        <div class="actions">
          <button type="button" onClick={() => dialog.current?.close()}>
            Cancel
          </button>
          <button type="submit" class={isDangerous ? 'danger' : 'primary'} disabled={isBusy}>
            {isBusy ? 'Working…' : action}
          </button>
        </div>
      </form>
    </dialog>
  )
}
