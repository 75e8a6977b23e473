defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def change do
    create constraint(:bookings, :no_overlap, exclude: ~s|gist (room WITH =, during WITH &&)|) # expect: exclusion-constraint warning
  end
end
