/** The switch between the system's colours, light and dark. */
import { type Theme, theme } from './theme'

const names: Record<Theme, string> = { system: 'System', light: 'Light', dark: 'Dark' }

export function ThemeSwitch() {
  return (
    <label class="theme-switch" title="Colours">
      <svg viewBox="0 0 16 16" aria-hidden="true">
        <circle cx="8" cy="8" r="6.5" />
        <path d="M8 1.5a6.5 6.5 0 0 1 0 13z" />
      </svg>
      <span class="visually-hidden">Colours</span>
      <select
        value={theme.value}
        onChange={event => {
          theme.value = event.currentTarget.value as Theme
        }}
      >
        {(Object.keys(names) as Theme[]).map(name => (
          <option key={name} value={name}>
            {names[name]}
          </option>
        ))}
      </select>
    </label>
  )
}
