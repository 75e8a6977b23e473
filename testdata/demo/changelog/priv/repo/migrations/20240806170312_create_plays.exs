defmodule Changelog.Repo.Migrations.CreatePlays do
  use Ecto.Migration

  # Every play of every episode: far more rows than of anything else. Unlogged, because they may be lost.
  def change do
    create table(:plays, primary_key: false, modifiers: "UNLOGGED") do
      add :post_id, :integer, null: false
      add :day, :date, null: false, default: fragment("CURRENT_DATE")
      add :seconds, :smallint, null: false, default: 0
      add :region, :string, size: 8
    end
  end
end
