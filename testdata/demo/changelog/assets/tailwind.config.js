const plugin = require("tailwindcss/plugin")

module.exports = {
  content: ["./js/**/*.js", "../lib/changelog_web/**/*.*ex"],
  theme: {extend: {colors: {brand: "#FD4F00"}}},
  plugins: [require("@tailwindcss/forms")]
}
