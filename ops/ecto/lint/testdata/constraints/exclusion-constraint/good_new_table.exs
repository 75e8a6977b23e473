defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def change do
    create table(:bookings) do
      add :room, :integer
      add :during, :tsrange
    end

    create constraint(:bookings, :no_overlap, exclude: ~s|gist (room WITH =, during WITH &&)|)
  end
end
