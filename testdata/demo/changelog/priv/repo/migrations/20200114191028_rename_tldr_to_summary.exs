defmodule Changelog.Repo.Migrations.RenameTldrToSummary do
  use Ecto.Migration

  def change do
    rename table(:posts), :tldr, to: :summary
  end
end
