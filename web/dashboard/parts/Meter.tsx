/** A part of a whole as a bar. The text beside it says the same. */
interface Props {
  label: string
  /** From 0 to 1. */
  part: number
  text: string
  /** What else there is to say, where there is room. */
  more?: string
  /** A share that is neither good nor bad. */
  isPlain?: boolean
  /** From which part on it is a warning, and from which it is bad. */
  warn?: number
  bad?: number
}

export function Meter({ label, part, text, more, isPlain = false, warn = 0.8, bad = 0.95 }: Props) {
  const level = isPlain ? 'good' : part >= bad ? 'bad' : part >= warn ? 'warn' : 'good'
  const shown = Math.min(1, Math.max(0, part))
  return (
    <div
      class="meter"
      role="meter"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={Math.round(shown * 100)}
      aria-valuetext={more === undefined ? text : `${text}, ${more}`}
    >
      <span class="meter-label">{label}</span>
      <span class="meter-bar">
        <span class={`meter-part ${level}`} style={{ width: `${(shown * 100).toFixed(1)}%` }} />
      </span>
      <span class="meter-text">{text}</span>
    </div>
  )
}
