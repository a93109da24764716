/** The switch between the system's colours, light and dark. */
import { type Theme, theme } from './theme'

const names: Record<Theme, string> = { system: 'System', light: 'Light', dark: 'Dark' }

export function ThemeSwitch() {
  return (
    <label class="theme-switch">
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
