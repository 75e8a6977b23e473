// Plays an episode, and goes on where it was left.
export default class Player {
  constructor(selector) {
    this.audio = document.querySelector(selector)
  }

  attach() {
    if (!this.audio) return
    this.audio.currentTime = Number(localStorage.getItem(this.audio.src)) || 0
    this.audio.addEventListener("timeupdate", () => localStorage.setItem(this.audio.src, this.audio.currentTime))
  }
}
