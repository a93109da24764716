/** The dashboard: what an operator sees at /. */
import { render } from 'preact'
import '../look/base.css'
import './dashboard.css'
import { App } from './App'
import { start } from './state/live'

const page = document.getElementById('page')
if (page) {
  start()
  render(<App />, page)
}
